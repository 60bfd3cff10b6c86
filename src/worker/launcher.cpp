// The launcher: one capture worker for each database that has the extension, and at times one that compacts.

#include "worker/launcher.h"

#include "api/seats.h"
#include "pg/entry.h"
#include "worker/compaction.h"
#include "worker/process.h"
#include "worker/settings.h"

extern "C" {
#include "access/genam.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "storage/ipc.h"
#include "storage/procarray.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
}

namespace txsync::worker {

namespace {

using api::Seat;
using api::SeatState;

// How often it looks for databases that came by CREATE DATABASE.
constexpr long kRoundMs = 5000;

// What has not come by then does not come: no process could be made.
constexpr int kLongestStartMs = 60000;

std::vector<Oid>
Databases()
{
	std::vector<Oid> databases;
	Oid found[1024];
	int count = pg::Call([&] {
		int n = 0;
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		Relation relation = table_open(DatabaseRelationId, AccessShareLock);
		TableScanDesc scan = table_beginscan_catalog(relation, 0, nullptr);
		while (HeapTuple tuple = heap_getnext(scan, ForwardScanDirection)) {
			auto *database = reinterpret_cast<Form_pg_database>(GETSTRUCT(tuple));
			if (database->datallowconn && !database->datistemplate && n < 1024)
				found[n++] = database->oid;
		}
		table_endscan(scan);
		table_close(relation, AccessShareLock);
		PopActiveSnapshot();
		CommitTransactionCommand();
		return n;
	});
	databases.assign(found, found + count);
	return databases;
}

// The backend that wants the database for itself, if it lives.
pid_t
HolderOf(Oid database)
{
	pid_t holder = 0;
	api::WithSeat(database, [&](Seat &seat) { holder = seat.held_by; });
	return holder != 0 && BackendPidGetProc(holder) != nullptr ? holder : 0;
}

// Of two times of which 0 is none.
TimestampTz
Earlier(TimestampTz one, TimestampTz other)
{
	return one == 0 || (other != 0 && other < one) ? other : one;
}

// Returns when the next one that failed may be tried again, or the next changelog is to be compacted, or 0.
TimestampTz
StartThoseDue()
{
	TimestampTz next = 0;
	std::vector<Oid> databases = Databases();
	api::FreeSeats(databases);
	for (Oid database : databases) {
		bool due = false;
		TimestampTz now = GetCurrentTimestamp();
		pid_t holder = HolderOf(database);
		auto look = [&](Seat &seat) {
			if (seat.state == SeatState::kOff && CaptureIsWanted())
				seat.state = SeatState::kStopped;
			if (seat.state == SeatState::kStarting && seat.pid == 0 &&
				TimestampDifferenceExceeds(seat.next_start, now, kLongestStartMs))
				api::PutOff(seat);
			if (seat.state != SeatState::kStopped)
				return;
			if (seat.held_by != 0 && seat.held_by == holder)
				return;
			seat.held_by = 0;
			due = seat.next_start <= now;
			if (due) {
				seat.state = SeatState::kStarting;
				seat.next_start = now;
			} else {
				next = Earlier(next, seat.next_start);
			}
		};
		if (!api::WithSeat(database, look) && api::TakeSeat(database))
			api::WithSeat(database, look);
		if (due && !Start("txsync capture", "CaptureMain", database)) {
			pg::Call([&] {
				ereport(WARNING, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
								  errmsg("no background worker is free to capture database %u", database),
								  errhint("Consider increasing max_worker_processes.")));
			});
			api::WithSeat(database, [&](Seat &seat) { api::PutOff(seat); });
		}
	}
	for (Oid database : databases)
		next = Earlier(next, StartCompaction(database));
	return next;
}

void
Launch()
{
	pg::Call([] {
		PrepareProcess();
		BackgroundWorkerInitializeConnection(nullptr, nullptr, 0);
	});
	api::SetLauncher(MyLatch);
	pg::Call([] { before_shmem_exit([](int, Datum) { api::SetLauncher(nullptr); }, 0); });
	for (;;) {
		pg::CheckForInterrupts();
		ReloadSettings();
		TimestampTz next = StartThoseDue();
		long wait = kRoundMs;
		if (next != 0)
			wait = std::clamp(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next), 10L, kRoundMs);
		Sleep(wait);
	}
}

} // namespace

void
RegisterLauncher()
{
	BackgroundWorker worker = Describe("txsync launcher", "LauncherMain");
	worker.bgw_restart_time = 5;
	RegisterBackgroundWorker(&worker);
}

extern "C" {

PGDLLEXPORT void LauncherMain(Datum);

void
LauncherMain(Datum)
{
	pg::Entry([] { Launch(); });
}

} // extern "C"

} // namespace txsync::worker
