// The capture worker: from the WAL of one database to its changelog.

#include "api/seats.h"
#include "pg/entry.h"
#include "pg/transaction.h"
#include "worker/changelog.h"
#include "worker/process.h"
#include "worker/reader.h"
#include "worker/settings.h"

extern "C" {
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "common/pg_prng.h"
#include "pgstat.h"
#include "replication/origin.h"
#include "replication/slot.h"
#include "storage/ipc.h"
}

namespace txsync::worker {

namespace {

using api::Seat;
using api::SeatState;

// So many entries make a changelog transaction, at the end of one that was captured.
constexpr uint64_t kBatch = 20000;

// A commit that wakes nobody, since its flush comes later, is found after this time.
constexpr long kNapMs = 200;

constexpr long kFirstPauseMs = 100;
constexpr long kLongestPauseMs = 60000;

void
SetState(SeatState state)
{
	api::WithSeat(MyDatabaseId, [&](Seat &seat) { seat.state = state; });
}

// At the end of the process: who failed waits before the next attempt, longer each time.
void
Leave(int, Datum)
{
	api::WithSeat(MyDatabaseId, [](Seat &seat) {
		seat.latch = nullptr;
		seat.pid = 0;
		pg_atomic_write_u32(&seat.sleeping, 0);
		if (seat.state != SeatState::kStarting && seat.state != SeatState::kStreaming)
			return;
		seat.state = SeatState::kStopped;
		long pause = std::min(kFirstPauseMs << std::min(seat.failures++, 16U), kLongestPauseMs);
		pause = pause / 2 +
				static_cast<long>(pg_prng_uint64_range(&pg_global_prng_state, 0, static_cast<uint64>(pause / 2)));
		seat.next_start = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), pause);
	});
}

bool
HasExtension()
{
	bool has = false;
	pg::InTransaction([&] { has = pg::Call([] { return OidIsValid(get_extension_oid("txsync", true)); }); });
	return has;
}

std::string
SlotName()
{
	return "txsync_" + std::to_string(MyDatabaseId);
}

class Capture
{
public:
	void Run();
	void NoteError(const std::string &code, const std::string &message);

private:
	XLogRecPtr FindStart(const State &state);
	bool MayGoOn();
	void Advance(Reader &reader);
	void Wait(Reader &reader);

	Changelog changelog_;
	Collector collected_;
};

// Where to go on; a copy of a database, or of a server, begins anew.
XLogRecPtr
Capture::FindStart(const State &state)
{
	bool has_slot = HasSlot(SlotName());
	if (state.has_begun && has_slot)
		return state.position;
	if (state.has_begun)
		throw pg::Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						  "replication slot \"" + SlotName() + "\" is gone: what was committed since is not captured"};
	if (has_slot)
		DropSlot(SlotName());
	XLogRecPtr start = CreateSlot(SlotName());
	changelog_.Begin(start);
	return start;
}

void
Capture::Run()
{
	State state = changelog_.Load();
	if (state.paused) {
		SetState(SeatState::kPaused);
		return;
	}
	Reader reader(SlotName(), FindStart(state), collected_);
	api::WithSeat(MyDatabaseId, [&](Seat &seat) {
		seat.state = SeatState::kStreaming;
		seat.failures = 0;
	});
	pg::Call([] { pgstat_report_activity(STATE_IDLE, "streaming"); });
	while (MayGoOn())
		Advance(reader);
}

// Unless it was paused, the extension was dropped, or somebody wants the database for himself.
bool
Capture::MayGoOn()
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
		SetState(SeatState::kStopped);
		return false;
	}
	if (!look)
		return true;
	if (!HasExtension()) {
		DropSlot(SlotName());
		SetState(SeatState::kAbsent);
		return false;
	}
	if (!changelog_.Load().paused)
		return true;
	SetState(SeatState::kPaused);
	return false;
}

// Reads what there is, up to a batch, and writes it; waits if there is nothing.
void
Capture::Advance(Reader &reader)
{
	XLogRecPtr flushed = GetFlushRecPtr(nullptr);
	bool more = true;
	while (more && collected_.Count() < kBatch) {
		pg::CheckForInterrupts();
		more = reader.Step();
	}
	if (collected_.Count() > 0) {
		changelog_.Append(collected_, NotifyChannel(), !more);
		collected_.Clear();
	}
	XLogRecPtr captured = more ? reader.Position() : std::max(reader.Position(), flushed);
	reader.Confirm(reader.Position());
	api::WithSeat(MyDatabaseId, [&](Seat &seat) { pg_atomic_write_u64(&seat.captured, captured); });
	if (!more)
		Wait(reader);
}

// Sleeps until something commits: who does that after the flag is set wakes us, and before it we look once more.
void
Capture::Wait(Reader &reader)
{
	api::WithSeat(MyDatabaseId, [](Seat &seat) { pg_atomic_write_u32(&seat.sleeping, 1); });
	pg_memory_barrier();
	if (GetFlushRecPtr(nullptr) <= reader.Position())
		Sleep(kNapMs);
	api::WithSeat(MyDatabaseId, [](Seat &seat) { pg_atomic_write_u32(&seat.sleeping, 0); });
}

void
Capture::NoteError(const std::string &code, const std::string &message)
{
	pg::Call([] { AbortOutOfAnyTransaction(); });
	changelog_.NoteError(code, message);
}

// Errors end the process, when they are noted: the launcher starts another one.
void
RunNoting(Capture &capture)
{
	std::string message;
	try {
		capture.Run();
		return;
	} catch (const pg::Error &error) {
		message = error.data->message;
		try {
			capture.NoteError(Changelog::kFailed, message);
		} catch (const pg::Error &) {
			// What was wrong is in the server's log in any case.
		}
		throw error;
	} catch (const pg::Failure &failure) {
		capture.NoteError(Changelog::kGap, failure.message);
		throw failure;
	}
}

void
Main(Oid database)
{
	pg::Call([&] {
		PrepareProcess();
		BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
		before_shmem_exit(Leave, 0);
	});
	api::WithSeat(database, [](Seat &seat) {
		seat.latch = MyLatch;
		seat.pid = MyProcPid;
		pg_atomic_write_u32(&seat.look_again, 0);
	});
	// The server does not decode what is written under this origin.
	replorigin_session_origin = DoNotReplicateId;
	if (!HasExtension()) {
		if (HasSlot(SlotName())) // it was dropped while no worker ran
			DropSlot(SlotName());
		SetState(SeatState::kAbsent);
		return;
	}
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
