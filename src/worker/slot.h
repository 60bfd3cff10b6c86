#pragma once
// The worker's replication slot.

#include "pg/call.h"

extern "C" {
#include "access/transam.h"
#include "access/xlogreader.h"
}

namespace txsync::worker {

// Of the database that this process is connected to.
std::string SlotName();

struct Slot
{
	bool exists = false;
	bool is_ours = false;                     // of this database and with our plugin
	bool lost = false;                        // the server has removed WAL that it needed
	XLogRecPtr confirmed = InvalidXLogRecPtr; // what committed before is not told any more
};

Slot FindSlot();

// Makes the slot, which may wait for transactions to end, and gives the current transaction the snapshot of where it
// begins. That transaction has just been started, with REPEATABLE READ. Returns the position from which on every commit
// will be told.
XLogRecPtr CreateSlot();

void AcquireSlot();

// Releases it first if this process has it.
void DropSlot();

// Of the acquired slot: all older transactions had ended before what is confirmed.
FullTransactionId Horizon();

// What committed before is safe: the server may forget it, unless a standby does not know yet that it is.
void Confirm(XLogRecPtr lsn);

// How decoding reads the server's own WAL.
XLogReaderRoutine LocalWal();

} // namespace txsync::worker
