#pragma once

namespace txsync::worker {

// The settings of the worker, from _PG_init while the server preloads libraries.
void DefineSettings();

bool CaptureIsWanted();

// Empty: nobody is notified.
const char *NotifyChannel();

// How long the ledger knows an id, at least.
int LedgerRetentionMinutes();

} // namespace txsync::worker
