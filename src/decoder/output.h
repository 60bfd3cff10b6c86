#pragma once
// Lines on their way out, several to a protocol message where that is wanted.

#include "core/buffer.h"
#include "core/control.h"
#include "decoder/options.h"
#include "pg/compat.h"

extern "C" {
#include "replication/logical.h"
}

namespace txsync::decoder {

class Output
{
public:
	Output(LogicalDecodingContext *context, Options::Batch batch)
		: context_(context)
		, batch_(batch)
	{}

	// Where the next line is written; EndLine() ends it. What an error left of a line is gone.
	core::Buffer &
	BeginLine()
	{
		lines_.Truncate(complete_);
		return lines_;
	}

	void EndLine();

	// The bytes that a line will have when it is sent: in some encodings more than it has here.
	static size_t SizeOf(std::string_view line);

	void Tell(const core::Control &control);

	// Sends what waits: a subscriber that has confirmed a transaction's end has had all of it. A transaction of which
	// nothing was sent only moves the subscriber's position on.
	void EndTransaction();

	// Called for everything that may end in a line: after many of which nothing was sent it lets the server look after
	// the connection.
	void
	Step()
	{
		if (!pg::kKeepsConnectionsAlive && ++silent_ >= kPatience) [[unlikely]]
			KeepAlive();
	}

	// Sends what waits, so that no message holds lines of two transactions.
	void Flush();

private:
	// Few enough to last much less than any wal_sender_timeout, and many enough to cost nothing.
	static constexpr uint32_t kPatience = 1000;

	bool Batches() const;
	void KeepAlive();

	LogicalDecodingContext *context_;
	Options::Batch batch_;
	core::Buffer lines_;
	size_t complete_ = 0; // bytes of lines that have ended
	bool sent_ = false;   // anything of this transaction
	uint32_t silent_ = 0; // steps since a message was sent
};

} // namespace txsync::decoder
