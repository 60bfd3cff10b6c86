#pragma once
// Waiting for the capture worker.

#include "pg/server.h"

extern "C" {
#include "access/xlogdefs.h"
#include "datatype/timestamp.h"
}

namespace txsync::api {

// Throws pg::Failure unless a worker captures this database, or will soon.
void RequireCapture();

// Waits until all that committed before `lsn` is in the changelog; false at the deadline. Fails as RequireCapture().
bool WaitCaptured(XLogRecPtr lsn, TimestampTz deadline);

} // namespace txsync::api
