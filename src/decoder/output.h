#pragma once
// Lines on their way out, several to a protocol message where that is wanted.

#include "decoder/options.h"
#include "decoder/sink.h"
#include "pg/compat.h"

extern "C" {
#include "replication/logical.h"
}

namespace txsync::decoder {

class Output final : public Sink
{
public:
	Output(LogicalDecodingContext *context, const Options &options)
		: context_(context)
		, options_(options)
	{}

	void
	BeginTransaction(const ReorderBufferTXN &) override
	{}

	// Sends what waits: a subscriber that has confirmed a transaction's end has had all of it. A transaction of which
	// nothing was sent only moves the subscriber's position on.
	void EndTransaction() override;

	core::Buffer &
	Begin() override
	{
		lines_.Truncate(complete_);
		return lines_;
	}

	void End() override;

	// A change that would make too long a line is told without what makes it long.
	void Write(core::Buffer &line, const core::Change &change, std::string_view old_organization) override;

	void Tell(const core::Control &control) override;

	// Sends what waits, so that no message holds lines of two transactions.
	void Flush() override;

	// After many steps of which nothing was sent the server gets to look after the connection.
	void
	Step() override
	{
		if (!pg::kKeepsConnectionsAlive && ++silent_ >= kPatience) [[unlikely]]
			KeepAlive();
	}

private:
	// Few enough to last much less than any wal_sender_timeout, and many enough to cost nothing.
	static constexpr uint32_t kPatience = 1000;

	bool Batches() const;
	bool WriteWithin(core::Buffer &line, const core::Change &change);
	bool Fits(std::string_view line, const core::Change &change) const;
	void KeepAlive();

	LogicalDecodingContext *context_;
	const Options &options_;
	core::Buffer lines_;
	size_t complete_ = 0; // bytes of lines that have ended
	bool sent_ = false;   // anything of this transaction
	uint32_t silent_ = 0; // steps since a message was sent
};

} // namespace txsync::decoder
