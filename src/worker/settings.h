#pragma once

namespace txsync::worker {

// The settings of the worker, from _PG_init while the server preloads libraries.
void DefineSettings();

bool CaptureIsWanted();

// 0: the changelog is only compacted when somebody asks for it.
int CompactionIntervalSeconds();

// Empty: nobody is notified.
const char *NotifyChannel();

// How long the ledger knows an id, at least.
int LedgerRetentionMinutes();

} // namespace txsync::worker
