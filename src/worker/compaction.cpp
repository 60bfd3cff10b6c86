#include "worker/compaction.h"

#include "api/attach.h"
#include "api/compaction.h"
#include "api/seats.h"
#include "api/settings.h"
#include "pg/entry.h"
#include "pg/spi.h"
#include "worker/process.h"
#include "worker/settings.h"
#include "worker/transaction.h"

extern "C" {
#include "access/xact.h"
#include "commands/extension.h"
#include "pgstat.h"
#include "storage/ipc.h"
}

namespace txsync::worker {

namespace {

using api::Seat;
using api::SeatState;

constexpr const char *kRefused = "no background worker is free to compact the changelog";

// After a start, or where there was no place, it is tried so soon.
constexpr int kSoonSeconds = 60;

// Who has not come by then does not come.
constexpr int kLongestStartMs = 60000;

TimestampTz
In(int seconds)
{
	return GetCurrentTimestamp() + int64_t{seconds} * USECS_PER_SEC;
}

// Only where capture runs: so neither where it is paused, nor on a standby.
bool
MayStart(Seat &seat, TimestampTz now)
{
	api::Compactor &compactor = seat.compactor;
	if (compactor.asked != 0 && TimestampDifferenceExceeds(compactor.asked, now, kLongestStartMs))
		compactor.asked = 0;
	return CompactionIntervalSeconds() > 0 && seat.state == SeatState::kStreaming && seat.held_by == 0 &&
		   compactor.pid == 0 && compactor.asked == 0;
}

bool
IsDue(api::Compactor &compactor, TimestampTz now)
{
	int interval = CompactionIntervalSeconds();
	if (compactor.due == 0)
		compactor.due = In(std::min(interval, kSoonSeconds));
	compactor.due = std::min(compactor.due, In(interval));
	if (compactor.due > now)
		return false;
	compactor.asked = now;
	compactor.due = In(interval);
	return true;
}

// Whether it is this one that is asked for: it may have come so late that another one is, or is there.
bool
IsAskedFor(const api::Compactor &compactor)
{
	return compactor.asked == Ticket();
}

bool
Enter(Oid database)
{
	bool entered = false;
	api::WithSeat(database, [&](Seat &seat) {
		entered = IsAskedFor(seat.compactor);
		if (!entered)
			return;
		seat.compactor.pid = MyProcPid;
		seat.compactor.asked = 0;
	});
	return entered;
}

// Also before it has entered: then it is asked for no more.
void
Leave(int, Datum database)
{
	api::WithSeat(DatumGetObjectId(database), [](Seat &seat) {
		if (seat.compactor.pid == MyProcPid)
			seat.compactor.pid = 0;
		if (IsAskedFor(seat.compactor))
			seat.compactor.asked = 0;
	});
}

// Unless somebody wants the database for himself, or capture has stopped for good.
bool
MayGoOn()
{
	ReloadSettings();
	bool may = false;
	api::WithSeat(MyDatabaseId, [&](Seat &seat) {
		may = seat.held_by == 0 && (seat.state == SeatState::kStreaming || seat.state == SeatState::kStarting ||
									seat.state == SeatState::kStopped);
	});
	return may;
}

// A failure is told once, however often it fails again for the same reason, and so is that it is over.
void
Note(const char *status, const char *code, const std::string &message)
{
	pg::RoleScope as_owner(api::ExtensionOwner());
	pg::Spi spi;
	std::string text = message.empty() ? "NULL" : pg::QuoteLiteral(message);
	spi.Execute(
		std::string("INSERT INTO txsync.sync_log (sync_type, status, code, error_message) SELECT 'compaction', '") +
		status + "', '" + code + "', " + text + " WHERE " + text +
		" IS DISTINCT FROM (SELECT l.error_message FROM txsync.sync_log l WHERE l.sync_type = "
		"'compaction' AND l.code IN ('COMPACTION_FAILED', 'CHANGELOG_COMPACTED') ORDER BY l.id DESC LIMIT 1)");
}

void
Compact()
{
	TimestampTz horizon = In(-api::CompactionHorizonSeconds());
	pg::Call([] {
		pgstat_report_activity(STATE_RUNNING, "compacting the changelog");
		StartTransactionCommand();
	});
	bool exists = pg::Call([] { return OidIsValid(get_extension_oid("txsync", true)); });
	bool done = exists && api::CompactChangelog(horizon, MayGoOn).status == api::Compacted::Status::kDone;
	pg::Call([] { CommitTransactionCommand(); });
	if (!done)
		return;
	Transaction transaction;
	Note("OK", "CHANGELOG_COMPACTED", {});
	transaction.Commit();
}

void
NoteFailure(const std::string &message)
{
	Transaction transaction;
	Note("WARNING", "COMPACTION_FAILED", message);
	transaction.Commit();
}

void
TryToNoteFailure(const std::string &message)
{
	try {
		pg::Call([] { AbortOutOfAnyTransaction(); });
		NoteFailure(message);
	} catch (const pg::Error &) {
		// What was wrong is in the server's log in any case.
	}
}

void
Main(Oid database)
{
	pg::Call([&] {
		PrepareProcess();
		before_shmem_exit(Leave, ObjectIdGetDatum(database));
		BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
		PinSettings();
	});
	if (!Enter(database) || !MayGoOn())
		return;
	pg::Failure failure;
	try {
		Compact();
		return;
	} catch (const pg::Error &error) {
		failure = Copy(*error.data);
	} catch (const pg::Failure &thrown) {
		failure = thrown;
	} catch (const std::bad_alloc &) {
		failure = {ERRCODE_OUT_OF_MEMORY, "out of memory"};
	}
	TryToNoteFailure(failure.message);
	throw failure;
}

} // namespace

TimestampTz
StartCompaction(Oid database)
{
	bool due = false;
	TimestampTz next = 0;
	TimestampTz now = GetCurrentTimestamp();
	api::WithSeat(database, [&](Seat &seat) {
		if (!MayStart(seat, now))
			return;
		due = IsDue(seat.compactor, now);
		next = seat.compactor.due;
	});
	if (!due)
		return next;
	bool refused = !Start("txsync compaction", "CompactionMain", database, now);
	bool is_news = false;
	api::WithSeat(database, [&](Seat &seat) {
		is_news = refused && !seat.compactor.refused;
		seat.compactor.refused = refused;
		seat.compactor.told &= refused;
		if (refused) {
			seat.compactor.asked = 0;
			seat.compactor.due = In(std::min(CompactionIntervalSeconds(), kSoonSeconds));
		}
		next = seat.compactor.due;
	});
	if (is_news)
		pg::Call([&] {
			ereport(WARNING,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED), errmsg("%s of database %u", kRefused, database),
					 errhint("Consider increasing max_worker_processes.")));
		});
	return next;
}

void
TellRefusedCompaction()
{
	bool is_news = false;
	api::WithSeat(MyDatabaseId, [&](Seat &seat) {
		is_news = seat.compactor.refused && !seat.compactor.told;
		seat.compactor.told |= is_news;
	});
	if (is_news)
		NoteFailure(kRefused);
}

extern "C" {

PGDLLEXPORT void CompactionMain(Datum);

void
CompactionMain(Datum database)
{
	pg::Entry([&] { Main(DatumGetObjectId(database)); });
}

} // extern "C"

} // namespace txsync::worker
