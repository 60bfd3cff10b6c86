#pragma once
// What every background worker does as a process.

#include "pg/call.h"

extern "C" {
#include "postmaster/bgworker.h"
}

namespace txsync::worker {

// Of a worker that enters at `function` and shows as `type`.
BackgroundWorker Describe(const char *type, const char *function);

// One of these for a database, once, which knows itself by the ticket. False: the server had no place for it.
bool Start(const char *type, const char *function, Oid database, int64_t ticket = 0);

// This worker's.
int64_t Ticket();

// Signals; to be called first, through pg::Call or a frame without destructors.
void PrepareProcess();

// Those of the database and its owner are not for a worker, which runs SQL as a superuser, and to which nothing may
// happen that they ask for. Called first when it is connected.
void PinSettings();

void ReloadSettings();

// What an error says, in memory of our own: the transaction that it is in ends before it is raised again.
pg::Failure Copy(const ErrorData &error);

// Until the latch is set; ends the process with the postmaster.
void Sleep(long milliseconds);

} // namespace txsync::worker
