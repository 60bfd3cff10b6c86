#pragma once
// The worker that compacts a changelog, on a schedule: it comes and goes, so that capture never waits.

#include "pg/server.h"

extern "C" {
#include "utils/timestamp.h"
}

namespace txsync::worker {

// Starts it if it is due in this database. Returns when that is next, or 0.
TimestampTz StartCompaction(Oid database);

// Tells sync_log, once, that there was no place for the worker: in a transaction of its own, for the launcher, which is
// in no database.
void TellRefusedCompaction();

} // namespace txsync::worker
