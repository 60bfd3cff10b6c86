#pragma once
// The WAL as the decoder tells it, through the worker's slot; it stays positioned between calls.

#include "decoder/sink.h"

extern "C" {
#include "replication/logical.h"
}

namespace txsync::worker {

// Whether this database's slot is there.
bool HasSlot(const std::string &name);

// Makes the slot and finds where decoding can begin, which may wait for transactions to end. Returns the position from
// which on every commit will be told. The slot stays acquired.
XLogRecPtr CreateSlot(const std::string &name);

// Releases it first if this process has it.
void DropSlot(const std::string &name);

class Reader
{
public:
	// Acquires the slot unless this process has it. What committed before `from` is not told.
	Reader(const std::string &slot, XLogRecPtr from, decoder::Sink &sink);

	// Reads one record; false at the end of what is flushed.
	bool Step();

	// Behind the last record read.
	XLogRecPtr
	Position() const
	{
		return context_->reader->EndRecPtr;
	}

	// What committed before is safe: the server may forget it.
	void Confirm(XLogRecPtr lsn);

private:
	LogicalDecodingContext *context_;
};

} // namespace txsync::worker
