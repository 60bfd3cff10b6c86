// The capture worker: from the WAL of one database to its changelog.

#include "api/seats.h"
#include "pg/entry.h"
#include "pg/transaction.h"
#include "worker/beginning.h"
#include "worker/changelog.h"
#include "worker/compaction.h"
#include "worker/ledger.h"
#include "worker/process.h"
#include "worker/reader.h"
#include "worker/settings.h"
#include "worker/slot.h"

extern "C" {
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "pgstat.h"
#include "replication/origin.h"
#include "replication/slot.h"
#include "storage/ipc.h"
}

namespace txsync::worker {

namespace {

using api::Seat;
using api::SeatState;

// So many entries make a changelog transaction, at the end of one that was captured; more and more while we are behind.
constexpr uint64_t kSmallestBatch = 50000;
constexpr uint64_t kLargestBatch = 640000;

// Where one commit brings more than this it is not told one by one.
constexpr uint64_t kMostTold = 5000;

// While there is something to do, others add to it for so long before it is done: one transaction for many.
constexpr long kGatherMs = 4;

// What is about to be over is waited for, so often and for so long.
constexpr int kTries = 10;
constexpr long kInstantUs = 100;

// A commit that wakes nobody, since its flush comes later, is found after this time.
constexpr long kNapMs = 200;

// WAL in which there was nothing to capture is noted when it is so much, and not more often than this.
constexpr uint64_t kQuietBytes = uint64_t{1} << 20;
constexpr int kQuietMs = 1000;

// Unless there is something new to look at: then another worker does.
void
SetState(SeatState state)
{
	api::WithSeat(MyDatabaseId, [&](Seat &seat) {
		seat.state = pg_atomic_read_u32(&seat.look_again) != 0 ? SeatState::kStopped : state;
	});
}

// At the end of the process: who failed waits before the next attempt, longer each time. Others who want the database
// for themselves look for the slot as soon as nobody sits here.
void
Leave(int, Datum database)
{
	if (MyReplicationSlot != nullptr)
		ReplicationSlotRelease();
	api::WithSeat(DatumGetObjectId(database), [](Seat &seat) {
		seat.latch = nullptr;
		seat.pid = 0;
		pg_atomic_write_u32(&seat.sleeping, 0);
		if (seat.state != SeatState::kStarting && seat.state != SeatState::kStreaming)
			return;
		api::PutOff(seat);
	});
}

bool
HasExtension()
{
	bool has = false;
	pg::InTransaction([&] { has = pg::Call([] { return OidIsValid(get_extension_oid("txsync", true)); }); });
	return has;
}

class Capture
{
public:
	void Run();
	void NoteError(const std::string &message);

private:
	bool MayGoOn(const Reader &reader);
	bool Advance(Reader &reader);
	void Collect(Reader &reader);
	bool IsOverSoon();
	void Write(bool caught_up);
	void Tell(const Reader &reader);
	void NoteQuiet(const Reader &reader);
	void NoteEnd(const Reader &reader);
	void Wait(const Reader &reader);

	Changelog changelog_;
	LedgerKeeper ledger_;
	Collector collected_;
	TimestampTz written_at_ = 0;
	uint64_t batch_ = kSmallestBatch;

	// The last look at the WAL.
	TimestampTz looked_at_ = 0;
	XLogRecPtr flushed_ = InvalidXLogRecPtr;
	bool more_ = false; // there may be
};

void
Capture::Run()
{
	if (changelog_.Load().paused) {
		SetState(SeatState::kPaused);
		return;
	}
	std::optional<XLogRecPtr> start = FindStart(changelog_, NotifyChannel());
	if (!start) {
		SetState(SeatState::kLost);
		return;
	}
	Reader reader(*start, collected_);
	api::WithSeat(MyDatabaseId, [](Seat &seat) { seat.state = SeatState::kStreaming; });
	pg::Call([] { pgstat_report_activity(STATE_IDLE, "streaming"); });
	while (MayGoOn(reader)) {
		bool any = Advance(reader);
		ledger_.Keep();
		TellRefusedCompaction();
		if (any)
			Sleep(kGatherMs);
		else
			Wait(reader);
	}
}

// Unless it was paused, the extension was dropped, or somebody wants the database for himself.
bool
Capture::MayGoOn(const Reader &reader)
{
	uint32 expected = 1;
	bool look = false;
	bool held = false;
	pg::CheckForInterrupts();
	ReloadSettings();
	api::WithSeat(MyDatabaseId, [&](Seat &seat) {
		look = pg_atomic_compare_exchange_u32(&seat.look_again, &expected, 0);
		held = seat.held_by != 0;
	});
	if (held || !CaptureIsWanted()) {
		SetState(held ? SeatState::kStopped : SeatState::kOff);
		return false;
	}
	if (!look)
		return true;
	if (!HasExtension()) {
		DropSlot();
		SetState(SeatState::kAbsent);
		return false;
	}
	const State &state = changelog_.Load();
	if (state.has_begun && !state.paused)
		return true;
	if (state.has_begun)
		NoteEnd(reader);
	SetState(state.paused ? SeatState::kPaused : SeatState::kStopped); // the extension may have been made anew
	return false;
}

// Reads what there is, up to a batch, and writes it when it is over; false if there was nothing.
bool
Capture::Advance(Reader &reader)
{
	if (collected_.Count() == 0)
		Collect(reader);
	bool any = collected_.Count() > 0;
	if (any && !IsOverSoon())
		return true;
	if (any)
		Write(!more_);
	else
		NoteQuiet(reader);
	Confirm(changelog_.Now().position);
	Tell(reader);
	return any || more_;
}

// Between a flush and its end a commit takes as long as a process takes to wake up; or as long as a standby does.
bool
Capture::IsOverSoon()
{
	for (int tries = 0; !collected_.IsOver(); tries++) {
		if (tries == kTries)
			return false;
		pg_usleep(kInstantUs);
	}
	return true;
}

// How far the changelog is now.
void
Capture::Tell(const Reader &reader)
{
	XLogRecPtr captured = more_ ? reader.Position() : std::max(reader.Position(), flushed_);
	TimestampTz as_of = more_ ? collected_.CommittedAt() : looked_at_;
	api::WithSeat(MyDatabaseId, [&](Seat &seat) {
		pg_atomic_write_u64(&seat.captured, captured);
		pg_atomic_write_u64(&seat.captured_at, static_cast<uint64>(as_of));
		seat.failures = 0;
	});
}

// What failed before is not told one by one: it may have been too much for the queue.
void
Capture::Write(bool caught_up)
{
	bool failed = false;
	api::WithSeat(MyDatabaseId, [&](Seat &seat) { failed = seat.failures > 0; });
	pg::Call([] { pgstat_report_activity(STATE_RUNNING, "writing the changelog"); });
	changelog_.Append(collected_, NotifyChannel(), caught_up && !failed && collected_.Count() <= kMostTold);
	collected_.Clear();
	pg::Call([] {
		pgstat_report_stat(false);
		pgstat_report_activity(STATE_IDLE, "streaming");
	});
	written_at_ = looked_at_;
}

void
Capture::Collect(Reader &reader)
{
	looked_at_ = GetCurrentTimestamp();
	flushed_ = GetFlushRecPtr(nullptr);
	more_ = true;
	// One for all: each that is decoded ends in one of its own otherwise, where there is no transaction around it.
	pg::InTransaction([&] {
		while (more_ && collected_.Count() < batch_) {
			pg::CheckForInterrupts();
			more_ = reader.Step();
		}
	});
	batch_ = more_ ? std::min(2 * batch_, kLargestBatch) : kSmallestBatch;
}

// The slot never goes ahead of what the changelog says: so it can be told from one that somebody else made. An error
// that was noted is over.
void
Capture::NoteQuiet(const Reader &reader)
{
	bool is_far = reader.Position() >= changelog_.Now().position + kQuietBytes;
	bool is_due = TimestampDifferenceExceeds(written_at_, GetCurrentTimestamp(), kQuietMs);
	if (!changelog_.Now().failed && !(is_far && is_due))
		return;
	changelog_.Advance(reader.Position());
	written_at_ = GetCurrentTimestamp();
}

// Before a pause: so that the slot needs none of what was read, and the next worker need not read it again.
void
Capture::NoteEnd(const Reader &reader)
{
	if (collected_.Count() > 0 || reader.Position() <= changelog_.Now().position)
		return;
	changelog_.Advance(reader.Position());
	Confirm(changelog_.Now().position);
}

// Sleeps until something commits: who does that after the flag is set wakes us, and before it we look once more.
void
Capture::Wait(const Reader &reader)
{
	changelog_.MakeUpNotifying(NotifyChannel());
	pg::Call([] { pgstat_report_stat(false); });
	api::WithSeat(MyDatabaseId, [](Seat &seat) { pg_atomic_write_u32(&seat.sleeping, 1); });
	pg_memory_barrier();
	if (!reader.HasMore())
		Sleep(kNapMs);
	api::WithSeat(MyDatabaseId, [](Seat &seat) { pg_atomic_write_u32(&seat.sleeping, 0); });
}

void
Capture::NoteError(const std::string &message)
{
	try {
		pg::Call([] { AbortOutOfAnyTransaction(); });
		changelog_.NoteError(message);
	} catch (const pg::Error &) {
		// What was wrong is in the server's log in any case.
	}
}

// Errors end the process, when they are noted: the launcher starts another one.
void
RunNoting(Capture &capture)
{
	pg::Failure failure;
	try {
		capture.Run();
		return;
	} catch (const pg::Error &error) {
		failure = Copy(*error.data);
	} catch (const pg::Failure &thrown) {
		failure = thrown;
	}
	capture.NoteError(failure.message);
	throw failure;
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
	api::WithSeat(database, [](Seat &seat) {
		seat.latch = MyLatch;
		seat.pid = MyProcPid;
		pg_atomic_write_u32(&seat.look_again, 0);
		pg_atomic_write_u64(&seat.captured, 0);
	});
	// Our plugin has the server pass over what is written under this origin.
	replorigin_session_origin = DoNotReplicateId;
	if (!HasExtension()) {
		if (FindSlot().exists) // it was dropped while no worker ran
			DropSlot();
		SetState(SeatState::kAbsent);
		return;
	}
	if (!CaptureIsWanted()) {
		SetState(SeatState::kOff);
		return;
	}
	api::WithSeat(database, [](Seat &seat) { seat.starts++; });
	Capture capture;
	RunNoting(capture);
}

} // namespace

extern "C" {

PGDLLEXPORT void CaptureMain(Datum);

void
CaptureMain(Datum database)
{
	pg::Entry([&] { Main(DatumGetObjectId(database)); });
}

} // extern "C"

} // namespace txsync::worker
