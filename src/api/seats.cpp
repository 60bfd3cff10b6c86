#include "api/seats.h"

#include "pg/compat.h"

extern "C" {
#include "access/xact.h"
#include "common/pg_prng.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"
}

namespace txsync::api {

namespace {

constexpr int kSeats = 256;

constexpr long kFirstPauseMs = 100;
constexpr long kLongestPauseMs = 60000;

struct Shared
{
	LWLock *lock;
	Latch *launcher;
	Seat seats[kSeats];
};

Shared *shared;
bool look_again;

Size
SharedSize()
{
	return MAXALIGN(sizeof(Shared));
}

void
Request()
{
	RequestAddinShmemSpace(SharedSize());
	RequestNamedLWLockTranche("txsync", 1);
}

shmem_startup_hook_type next_startup;

void
Startup()
{
	if (next_startup != nullptr)
		next_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	bool found = false;
	shared = static_cast<Shared *>(ShmemInitStruct("txsync", SharedSize(), &found));
	if (!found) {
		memset(static_cast<void *>(shared), 0, SharedSize());
		shared->lock = &GetNamedLWLockTranche("txsync")->lock;
		for (Seat &seat : shared->seats) {
			pg_atomic_init_u32(&seat.sleeping, 0);
			pg_atomic_init_u32(&seat.look_again, 0);
			pg_atomic_init_u64(&seat.captured, 0);
			pg_atomic_init_u64(&seat.captured_at, 0);
		}
	}
	LWLockRelease(AddinShmemInitLock);
}

Seat *
Find(Oid database)
{
	for (Seat &seat : shared->seats) {
		if (seat.database == database)
			return &seat;
	}
	return nullptr;
}

// The seat of this backend's database, which stays where it is once it is taken.
Seat *
OwnSeat()
{
	static Seat *own;
	if (own == nullptr || own->database != MyDatabaseId) {
		LWLockAcquire(shared->lock, LW_SHARED);
		own = OidIsValid(MyDatabaseId) ? Find(MyDatabaseId) : nullptr;
		LWLockRelease(shared->lock);
	}
	return own;
}

void
Wake(Seat &seat)
{
	LWLockAcquire(shared->lock, LW_SHARED);
	if (seat.latch != nullptr)
		SetLatch(seat.latch);
	LWLockRelease(shared->lock);
}

void
LookAgain()
{
	look_again = false;
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	if (Seat *seat = Find(MyDatabaseId)) {
		if (seat->state == SeatState::kAbsent || seat->state == SeatState::kPaused || seat->state == SeatState::kLost ||
			seat->state == SeatState::kOff)
			seat->state = SeatState::kStopped;
		pg_atomic_write_u32(&seat->look_again, 1);
		if (seat->latch != nullptr)
			SetLatch(seat->latch);
	}
	if (shared->launcher != nullptr)
		SetLatch(shared->launcher);
	LWLockRelease(shared->lock);
}

// A commit costs those who wait for nothing a look at one word; a worker that sleeps is woken once.
void
AtTransactionEnd(XactEvent event, void *)
{
	if (event == XACT_EVENT_ABORT)
		look_again = false;
	if (event != XACT_EVENT_COMMIT)
		return;
	if (look_again)
		LookAgain();
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		WakeWorker();
}

} // namespace

void
ReserveSeats()
{
	pg::RequestSharedMemory<Request>();
	next_startup = shmem_startup_hook;
	shmem_startup_hook = Startup;
	RegisterXactCallback(AtTransactionEnd, nullptr);
}

bool
HaveSeats()
{
	return shared != nullptr;
}

Seat *
LockSeat(Oid database)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	return Find(database);
}

void
UnlockSeats()
{
	LWLockRelease(shared->lock);
}

const char *
NameOf(SeatState state)
{
	switch (state) {
	case SeatState::kStarting:
	case SeatState::kStopped:
		return "starting";
	case SeatState::kStreaming:
		return "streaming";
	case SeatState::kPaused:
		return "paused";
	case SeatState::kLost:
		return "lost";
	case SeatState::kFree:
	case SeatState::kAbsent:
	case SeatState::kOff:
		break;
	}
	return "off";
}

bool
TakeSeat(Oid database)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	Seat *seat = Find(InvalidOid);
	if (seat != nullptr) {
		seat->database = database;
		seat->state = SeatState::kStopped;
	}
	LWLockRelease(shared->lock);
	return seat != nullptr;
}

void
FreeSeats(const std::vector<Oid> &but_of)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	for (Seat &seat : shared->seats) {
		if (OidIsValid(seat.database) && seat.pid == 0 && seat.compactor.pid == 0 &&
			seat.state != SeatState::kStarting &&
			std::find(but_of.begin(), but_of.end(), seat.database) == but_of.end()) {
			seat.database = InvalidOid;
			seat.state = SeatState::kFree;
			seat.held_by = 0;
			seat.starts = 0;
			seat.failures = 0;
			seat.next_start = 0;
			pg_atomic_write_u64(&seat.captured, 0);
			pg_atomic_write_u64(&seat.captured_at, 0);
			seat.compactor = {};
		}
	}
	LWLockRelease(shared->lock);
}

void
PutOff(Seat &seat)
{
	long pause = std::min(kFirstPauseMs << std::min(seat.failures++, 16U), kLongestPauseMs);
	auto half = static_cast<uint64>(pause / 2);
	pause = static_cast<long>(half + pg_prng_uint64_range(&pg_global_prng_state, 0, half));
	seat.next_start = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), pause);
	seat.state = SeatState::kStopped;
}

void
WakeLauncher()
{
	LWLockAcquire(shared->lock, LW_SHARED);
	if (shared->launcher != nullptr)
		SetLatch(shared->launcher);
	LWLockRelease(shared->lock);
}

void
WakeWorker()
{
	Seat *seat = OwnSeat();
	uint32 asleep = 1;
	if (seat != nullptr && pg_atomic_read_u32(&seat->sleeping) == 1 &&
		pg_atomic_compare_exchange_u32(&seat->sleeping, &asleep, 0))
		Wake(*seat);
}

void
SetLauncher(Latch *latch)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	shared->launcher = latch;
	LWLockRelease(shared->lock);
}

void
LookAgainAtCommit()
{
	look_again = true;
}

} // namespace txsync::api
