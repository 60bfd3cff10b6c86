#include "api/clock.h"

#include "api/errors.h"
#include "api/high_water.h"
#include "pg/compat.h"

#include <charconv>
#include <stdexcept>

extern "C" {
#include "access/xlog.h"
#include "common/pg_prng.h"
#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"
}

namespace txsync::api {

namespace {

constexpr int kLogicalBits = 16;

// How far the mark goes ahead of the clock. Whoever joins a clock of its own begins behind the mark of all others: a
// backend that soon ends takes only little time with it.
constexpr uint64_t kStepMs = 5000;
constexpr uint64_t kFirstStepMs = 10;
constexpr uint64_t kStepGrowth = 8;

struct Clock
{
	pg_atomic_uint64 last; // wall_ms << kLogicalBits | logical
	uint64 id;             // another one each time that shared memory is made
};

// The clock of a backend without the server's.
Clock own;
Clock *the_clock = &own;

bool
IsShared()
{
	return the_clock != &own;
}

uint64_t
Pack(uint64_t wall_ms, uint64_t logical)
{
	return wall_ms << kLogicalBits | logical;
}

core::Stamp
Unpack(uint64_t packed)
{
	return {packed >> kLogicalBits, packed & ((uint64_t{1} << kLogicalBits) - 1)};
}

core::Stamp
Last()
{
	return Unpack(pg_atomic_read_u64(&the_clock->last));
}

uint64_t
WallClock()
{
	constexpr int64_t kUnixEpoch =
		(POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * static_cast<int64_t>(SECS_PER_DAY) * 1000;
	return static_cast<uint64_t>(std::max<int64_t>(GetCurrentTimestamp() / 1000 + kUnixEpoch, 0));
}

void
RaiseTo(core::Stamp time)
{
	// A counter beyond what a millisecond may have is carried.
	uint64 target =
		time.logical <= core::Hlc::kMostPerMs ? Pack(time.wall_ms, time.logical) : Pack(time.wall_ms + 1, 0);
	uint64 last = pg_atomic_read_u64(&the_clock->last);
	while (last < target && !pg_atomic_compare_exchange_u64(&the_clock->last, &last, target)) {
	}
}

core::Stamp
Tick()
{
	uint64 last = pg_atomic_read_u64(&the_clock->last);
	for (;;) {
		auto [wall_ms, logical] = Unpack(last);
		core::Hlc next = core::Next({wall_ms, logical, {}}, WallClock());
		uint64 packed = Pack(next.wall_ms, next.logical);
		// At the end of time the counter goes on, beyond its bits.
		if (packed <= last)
			throw std::overflow_error("the clock has come to its end");
		if (pg_atomic_compare_exchange_u64(&the_clock->last, &last, packed))
			return {next.wall_ms, next.logical};
	}
}

uint64_t
TakeStep()
{
	static uint64_t next_step = kFirstStepMs;
	uint64_t step = IsShared() ? kStepMs : next_step;
	next_step = std::min(next_step * kStepGrowth, kStepMs);
	return step;
}

// Makes the mark cover a time of the clock. A mark that another clock raised stands for all that was given under it: by
// the server before it was restarted, by the old primary, or, where each backend has its own, by others.
bool
Cover(HighWater &mark, uint64_t wall_ms)
{
	static bool joined;
	bool foreign = IsShared() ? mark.clock != the_clock->id : !joined;
	joined = true;
	if (foreign)
		RaiseTo({mark.wall_ms, core::Hlc::kMostPerMs});
	else if (mark.wall_ms >= wall_ms)
		return false;
	mark = {std::max(Last().wall_ms, WallClock()) + TakeStep(), the_clock->id};
	return true;
}

void
Join()
{
	if (KnownHighWater() == 0)
		UpdateHighWater(Cover, 0);
}

void
EnsureCovered(uint64_t wall_ms)
{
	if (wall_ms > KnownHighWater())
		UpdateHighWater(Cover, wall_ms);
}

void
RequirePrimary()
{
	if (RecoveryInProgress())
		throw pg::Failure{ERRCODE_READ_ONLY_SQL_TRANSACTION, "the clock stands still during recovery",
						  "A standby gives no transaction ids.", "Ask the primary."};
}

void
Request()
{
	RequestAddinShmemSpace(MAXALIGN(sizeof(Clock)));
}

shmem_startup_hook_type next_startup;

void
Startup()
{
	if (next_startup != nullptr)
		next_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	bool found = false;
	the_clock = static_cast<Clock *>(ShmemInitStruct("txsync clock", sizeof(Clock), &found));
	if (!found) {
		pg_atomic_init_u64(&the_clock->last, 0);
		the_clock->id = pg_prng_uint64(&pg_global_prng_state) >> 1 | 1;
	}
	LWLockRelease(AddinShmemInitLock);
}

// Room for the longest node: 64 bits have 13 digits in base 36, 32 bits have 7, two dashes more for a backend's own.
struct Node
{
	char text[64];
	size_t size;
};

void
Append(Node &node, uint64_t number)
{
	constexpr int kBase = 36;
	if (node.size > 0)
		node.text[node.size++] = '-';
	char *end = std::to_chars(node.text + node.size, std::end(node.text), number, kBase).ptr;
	node.size = static_cast<size_t>(end - node.text);
}

} // namespace

void
ReserveClock()
{
	pg_atomic_init_u64(&own.last, 0);
	if (!process_shared_preload_libraries_in_progress)
		return;
	pg::RequestSharedMemory<Request>();
	next_startup = shmem_startup_hook;
	shmem_startup_hook = Startup;
}

core::Stamp
ClockNext()
{
	RequirePrimary();
	Join();
	core::Stamp next = Tick();
	EnsureCovered(next.wall_ms);
	return next;
}

core::Stamp
ClockCurrent()
{
	if (!RecoveryInProgress())
		Join();
	return std::max(Last(), core::Stamp{WallClock(), 0});
}

core::Stamp
TimeOf(std::string_view transaction_id)
{
	core::Stamp time = core::TimeOf(transaction_id);
	return time != core::Stamp() ? time : ClockNext();
}

core::Stamp
StampCeiling()
{
	return {ClockCurrent().wall_ms + MaxClockSkewMs(), 0};
}

void
ClockObserve(const core::Hlc &hlc)
{
	RequirePrimary();
	uint64_t now = WallClock();
	uint64_t ahead = hlc.wall_ms - std::min(hlc.wall_ms, now);
	if (ahead > MaxClockSkewMs()) {
		std::string id = ToString(hlc);
		throw Fail(errors::kClockSkew, "transaction id \"" + id + "\" is too far ahead of this server's clock",
				   {{"transactionId", id},
					{"aheadMs", static_cast<int64_t>(ahead)},
					{"maxMs", static_cast<int64_t>(MaxClockSkewMs())}},
				   "The clock of its node is wrong, or this server's; the limit is txsync.max_clock_skew.");
	}
	Join();
	RaiseTo({hlc.wall_ms, hlc.logical});
	EnsureCovered(Last().wall_ms);
}

std::string_view
ClockNode()
{
	static Node node;
	if (node.size == 0) {
		RequirePrimary();
		Append(node, GetSystemIdentifier());
		Append(node, GetWALInsertionTimeLine());
		if (!IsShared()) {
			// Process ids come back.
			Append(node, static_cast<uint64_t>(MyProcPid));
			Append(node, static_cast<uint64_t>(MyStartTimestamp));
		}
	}
	return {node.text, node.size};
}

std::string
ServerId()
{
	core::Stamp time = ClockNext();
	return core::ToString({time.wall_ms, time.logical, ClockNode()});
}

} // namespace txsync::api
