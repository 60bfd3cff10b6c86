#pragma once
// Where what is told goes: to a subscriber as lines, or to the changelog.

#include "core/change.h"
#include "core/control.h"
#include "pg/server.h"

extern "C" {
#include "replication/reorderbuffer.h"
}

namespace txsync::decoder {

class Sink
{
public:
	// What follows, up to EndTransaction(), has committed and belongs to this transaction.
	virtual void BeginTransaction(const ReorderBufferTXN &txn) = 0;
	virtual void EndTransaction() = 0;

	// Where the next entry is written; End() ends it. What an error left of an entry is gone.
	virtual core::Buffer &Begin() = 0;
	virtual void End() = 0;

	// Appends a change as one entry of the sink's own form. Its organization before is the old one.
	virtual void Write(core::Buffer &out, const core::Change &change, std::string_view old_organization) = 0;

	// What is no change; only those who are told of transactions in progress, or of compact lines, hear of it.
	virtual void Tell(const core::Control &control) = 0;

	// What was told so far must not wait for what comes.
	virtual void Flush() = 0;

	// Called for everything that may end in an entry.
	virtual void Step() = 0;

protected:
	~Sink() = default;
};

} // namespace txsync::decoder
