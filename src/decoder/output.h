#pragma once
// Lines on their way out, several to a protocol message where that is wanted.

#include "core/buffer.h"
#include "core/control.h"
#include "decoder/options.h"

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

	void Tell(const core::Control &control);

	// Sends what waits: a subscriber that has confirmed a transaction's end has had all of it. A transaction of which
	// nothing was sent only moves the subscriber's position on.
	void EndTransaction();

	// Sends what waits, so that no message holds lines of two transactions.
	void Flush();

private:
	bool Batches() const;

	LogicalDecodingContext *context_;
	Options::Batch batch_;
	core::Buffer lines_;
	size_t complete_ = 0; // bytes of lines that have ended
	bool sent_ = false;   // anything of this transaction
};

} // namespace txsync::decoder
