#pragma once
// The WAL as the decoder tells it, through the worker's slot; it stays positioned between calls.

#include "decoder/sink.h"

extern "C" {
#include "replication/logical.h"
}

namespace txsync::worker {

class Reader
{
public:
	// Through the slot that this process has acquired. What committed before `from` is not told.
	Reader(XLogRecPtr from, decoder::Sink &sink);

	// Reads some records; false at the end of what is flushed.
	bool Step();

	// Whether more is flushed than when the end was met.
	bool HasMore() const;

	// Behind the last record read.
	XLogRecPtr
	Position() const
	{
		return context_->reader->EndRecPtr;
	}

private:
	bool ReadRecord();

	LogicalDecodingContext *context_;
	XLogRecPtr flushed_ = InvalidXLogRecPtr; // as far as is known: asking takes a lock that all writers take
	XLogRecPtr end_ = InvalidXLogRecPtr;     // of what was flushed when that was not a whole record
};

} // namespace txsync::worker
