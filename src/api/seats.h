#pragma once
// Shared memory: a seat for each database with a worker. Whoever commits wakes it, whoever waits looks at it.

#include "pg/server.h"

extern "C" {
#include "port/atomics.h"
#include "storage/latch.h"
}

namespace txsync::api {

enum class SeatState : uint8_t
{
	kFree,
	kAbsent,   // the database has no extension
	kStopped,  // to be started
	kStarting, // asked for, or not streaming yet
	kStreaming,
	kPaused,
	kLost, // in front of a gap
	kOff,  // the setting says so
};

// The worker that compacts the changelog, which comes and goes.
struct Compactor
{
	pid_t pid;
	TimestampTz due;   // 0: not known yet
	TimestampTz asked; // for one that has not come yet: its ticket
	bool refused;      // there was no place for it
	bool told;         // which sync_log says
	int64_t left;      // the last id of a partition that capture is to write to no more
};

struct Seat
{
	Oid database;
	SeatState state;
	pid_t pid;
	pid_t held_by;     // a backend that wants the database for itself: no worker starts while it lives
	uint32_t starts;   // of a worker, since the server started
	uint32_t failures; // in a row
	TimestampTz next_start;
	Latch *latch;                 // the worker's, while it runs
	pg_atomic_uint32 sleeping;    // it waits for the next commit
	pg_atomic_uint32 look_again;  // at its state
	pg_atomic_uint64 captured;    // all that committed before is in the changelog
	pg_atomic_uint64 captured_at; // a TimestampTz: so was all that had committed then
	Compactor compactor;
};

// From _PG_init while the server preloads libraries.
void ReserveSeats();

// Whether the library was preloaded: else there are no seats, and none of what follows may be called.
bool HaveSeats();

// Calls f(seat) for the database's seat with the lock held: nothing may be called that can fail or wait. False, and
// not called, if it has none.
template <class F>
bool WithSeat(Oid database, F &&f);

// As users know it: off, starting, streaming, paused or lost.
const char *NameOf(SeatState state);

// For a database that has no seat; false if all are taken.
bool TakeSeat(Oid database);

// Gives back the seats without a worker whose databases are not among these.
void FreeSeats(const std::vector<Oid> &but_of);

void SetLauncher(Latch *latch);

// To be started again, later each time in a row. Called with the lock held.
void PutOff(Seat &seat);

// Makes the launcher look now.
void WakeLauncher();

// Makes this database's worker look now, if it sleeps.
void WakeWorker();

// When this transaction has committed the launcher and the database's worker look again.
void LookAgainAtCommit();

// Implementation of WithSeat.
Seat *LockSeat(Oid database);
void UnlockSeats();

template <class F>
bool
WithSeat(Oid database, F &&f)
{
	Seat *seat = LockSeat(database);
	if (seat != nullptr)
		f(*seat);
	UnlockSeats();
	return seat != nullptr;
}

} // namespace txsync::api
