#pragma once
// From what the server tells to what has happened, in commit order, and how far that may be confirmed.

#include "client/stream.h"
#include "client/undecided.h"

#include <map>

namespace txsync::client {

class Assembler
{
public:
	using Sink = Undecided::Sink;

	// A stream of another server begins: what is known of the last one means nothing.
	void Reset();

	// A stream begins from a slot that is confirmed up to `confirmed`: the server tells anew what is undecided.
	void Begin(Lsn confirmed);

	// From where the stream is wanted.
	Lsn
	From() const
	{
		return reached_;
	}

	// Hands out what is known to have happened now. Throws Failure, and what `sink` throws.
	void Take(const Message &message, const Sink &sink);

	// What was handed out is safe.
	void
	Confirm()
	{
		safe_ = Confirmable();
	}

	// What the server needs to know.
	Progress
	Reached() const
	{
		return {reached_, safe_};
	}

	// Everything that committed before it was handed out, in this stream or in an earlier one.
	Lsn
	Written() const
	{
		return written_;
	}

private:
	bool TakeControl(const ControlLine &control, const Sink &sink);
	void HandOut(std::string_view lines, const Sink &sink);
	void Settle(const ControlLine &commit, const Sink &sink);
	bool IsRepeating() const;
	void Reach(Lsn lsn);
	Lsn Confirmable() const;

	Undecided undecided_;
	uint32_t block_ = 0; // the transaction that change lines are of; 0: one that has committed
	ControlLine commit_; // of the latter
	core::Buffer settled_;
	// Transactions that are prepared, and how far the stream had come before: not behind their PREPARE.
	std::map<uint32_t, Lsn> prepared_;

	Lsn reached_ = 0; // everything that committed before it was handed out, as far as this stream has come
	Lsn written_ = 0;
	Lsn safe_ = 0;
};

} // namespace txsync::client
