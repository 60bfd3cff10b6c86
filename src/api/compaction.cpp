#include "api/compaction.h"

#include "api/activity_partition.h"
#include "api/activity_scan.h"
#include "api/attach.h"
#include "api/compaction_lock.h"
#include "api/partition_rewrite.h"
#include "api/patience.h"
#include "api/seats.h"
#include "api/settings.h"
#include "api/turns.h"
#include "pg/compat.h"
#include "pg/spi.h"

#include <optional>

namespace txsync::api {

namespace {

// Blocks of a turn: a quarter of a millisecond, since for so long writers wait for the processor, and so much WAL goes
// to the disk with theirs.
constexpr BlockNumber kRead = 16;
constexpr BlockNumber kDelete = 8; // some hundred rows

constexpr int64_t kRowsPerBlock = 64; // and rarely more

// From this size on capture leaves a sparse partition.
constexpr int64_t kWorthLeaving = int64_t{16} << 20;

size_t
Memory()
{
	return size_t{1024} * static_cast<size_t>(maintenance_work_mem);
}

class Run
{
public:
	Run(TimestampTz horizon, const std::function<bool()> &may_go_on)
		: turns_(may_go_on)
		, time_(horizon)
	{}

	Compacted Do();

private:
	struct Part : ActivityPartition
	{
		BlockNumber blocks;               // all that is to be looked at is in these
		int64_t size;                     // in bytes, all in all, at that time
		std::optional<int64_t> left = {}; // bytes of its rows behind the deletes, where there were any
	};

	struct Reach
	{
		int64_t last;
		size_t bytes;
	};

	ChangelogEnds Plan();
	void RaiseFloorTo(int64_t id);
	void Forget();
	int64_t NextBehind(int64_t id);
	Reach ReachFrom(int64_t first) const;
	int64_t Compact(int64_t first);
	bool MayDrop(const Part &part) const;
	void Drop();
	bool Drop(const Part &part, TransactionId seen);
	bool MayRewrite(const Part &part) const;
	size_t FirstMergedWith(size_t part) const;
	void Rewrite();
	void LeaveLast();
	void Log(int64_t old_floor);

	template <class F>
	void Read(const Part &part, LOCKMODE lock, BlockNumber blocks, F &&take);
	template <class F>
	void Delete(Part &part, F &&goes);

	Turns turns_;
	TimestampTz time_;
	int64_t horizon_ = 0;
	int64_t first_ = 0; // of those that are there
	std::vector<Part> parts_;
	Compacted compacted_;
};

// The last of those that were committed so long ago.
int64_t
LastOlderThan(int seconds, const ChangelogEnds &ends)
{
	return LastBefore(GetCurrentTimestamp() - int64_t{seconds} * USECS_PER_SEC, ends);
}

// Of what goes up to `last` that which consumers hold stays: what they have not read, until it is too old for that.
int64_t
UnlessHeld(int64_t last, const ChangelogEnds &ends)
{
	int64_t position = LeastPosition();
	return position >= last ? last
							: std::max(position, std::min(last, LastOlderThan(ConsumerRetentionSeconds(), ends)));
}

ChangelogEnds
Run::Plan()
{
	turns_.Next();
	ChangelogEnds ends = FindEnds();
	ExpireConsumers(ends.floor); // who was cut off when it was raised, too
	first_ = ends.first;
	compacted_.floor = ends.floor;
	if (first_ == 0)
		return ends;
	horizon_ = UnlessHeld(LastBefore(time_, ends), ends);
	int64_t forgotten = UnlessHeld(LastOlderThan(ChangelogRetentionSeconds(), ends), ends);
	for (const ActivityPartition &partition : ActivityPartitions())
		parts_.push_back({partition, ActivityScan::BlocksOf(partition.relation), SizeOf(partition.relation)});
	if (forgotten >= first_ && forgotten > ends.floor)
		RaiseFloorTo(forgotten);
	return ends;
}

// Before anything goes: so nobody takes what is left for the whole.
void
Run::RaiseFloorTo(int64_t id)
{
	turns_.Next();
	RaiseFloor(id);
	compacted_.floor = id;
	turns_.Next();
	ExpireConsumers(id);
}

// Calls take(scan) for each row, in turns of so many blocks.
template <class F>
void
Run::Read(const Part &part, LOCKMODE lock, BlockNumber blocks, F &&take)
{
	for (BlockNumber at = 0; at < part.blocks; at += std::min(blocks, part.blocks - at)) {
		turns_.Next();
		ActivityScan scan(part.relation, lock, at, std::min(blocks, part.blocks - at));
		while (scan.Next())
			take(scan);
		scan.Close();
	}
}

template <class F>
void
Run::Delete(Part &part, F &&goes)
{
	part.left = 0;
	Read(part, RowExclusiveLock, kDelete, [&](ActivityScan &scan) {
		size_t size = goes(scan) ? scan.Delete() : 0;
		compacted_.rows += size > 0;
		compacted_.bytes += static_cast<int64_t>(size);
		if (size == 0)
			*part.left += scan.Size();
	});
}

void
Run::Forget()
{
	for (Part &part : parts_) {
		if (part.ids.first <= compacted_.floor && first_ <= compacted_.floor && !MayDrop(part))
			Delete(part, [&](ActivityScan &scan) { return scan.Id() <= compacted_.floor; });
	}
}

// The next one that is there. Partitions in between have none.
int64_t
Run::NextBehind(int64_t id)
{
	int64_t next = FirstBehind(id);
	for (Part &part : parts_) {
		if (part.ids.first > id && part.ids.last < next)
			part.left = 0;
	}
	return next;
}

// How far from `first` on there is memory, half of all, for what may survive, and how much of it that takes.
Run::Reach
Run::ReachFrom(int64_t first) const
{
	Reach reach = {first, 0};
	for (const Part &part : parts_) {
		if (part.ids.last < first)
			continue;
		int64_t from = std::max(first, part.ids.first);
		size_t room = Memory() / 2 - reach.bytes;
		size_t bytes = core::IdSet::MostBytes(part.ids.last - from + 1, int64_t{part.blocks} * kRowsPerBlock);
		if (bytes > room)
			return {std::max(reach.last, from + core::IdSet::FittingInto(room) - 1), Memory() / 2};
		reach = {part.ids.last, reach.bytes + bytes};
	}
	return reach;
}

// Decides of ids from `first` on: what is older is not needed for that, what is newer is. Returns the last one.
int64_t
Run::Compact(int64_t first)
{
	Reach reach = ReachFrom(first);
	int64_t last = std::min(horizon_, reach.last);
	core::Digest seed;
	if (!pg_strong_random(&seed, sizeof seed))
		throw pg::Failure{ERRCODE_INTERNAL_ERROR, "could not generate random bits"};
	core::Compaction compaction(seed, first, last, Memory() - reach.bytes);
	do {
		for (const Part &part : parts_) {
			if (part.ids.last >= first && part.ids.first <= horizon_)
				Read(part, AccessShareLock, kRead, [&](ActivityScan &scan) {
					if (scan.Id() <= horizon_)
						compaction.Look(scan.ReadAll());
				});
		}
	} while (compaction.EndPass());
	auto survives = [&](ActivityScan &scan) {
		return compaction.AreTruncated() ? compaction.Survives(scan.Read()) : compaction.Survives(scan.Id());
	};
	for (Part &part : parts_) {
		if (part.ids.last < first || part.ids.first > last)
			continue;
		Delete(part, [&](ActivityScan &scan) {
			if (scan.Id() < first || scan.Id() > last)
				return false;
			bool stays = survives(scan);
			compacted_.kept += stays;
			return !stays;
		});
	}
	return last;
}

// Capture writes to the last one.
bool
Run::MayDrop(const Part &part) const
{
	bool is_empty = part.left == 0 || part.ids.last < first_;
	return &part != &parts_.back() && (is_empty || part.ids.last <= compacted_.floor);
}

// A reader that has seen the floor as it was, or rows that are gone, must not find their table missing: it waits until
// there is no such reader.
bool
Run::Drop(const Part &part, TransactionId seen)
{
	Outcome outcome = Patiently(turns_, kAttempts, [&] {
		return EverybodySees(part, seen) ? DropPartition(part) : Outcome{.obstacle = "somebody may still see it"};
	});
	bool done(outcome);
	compacted_.dropped += done;
	compacted_.bytes += outcome.bytes;
	if (!done)
		compacted_.status = Compacted::Status::kPartial;
	return done;
}

void
Run::Drop()
{
	turns_.Next();
	TransactionId seen = ReadNextTransactionId();
	std::vector<Part> stay;
	for (const Part &part : parts_) {
		if (!MayDrop(part) || !Drop(part, seen))
			stay.push_back(part);
	}
	parts_ = std::move(stay);
}

// Nobody writes to it any more, and compaction has said all that it says of it.
bool
Run::MayRewrite(const Part &part) const
{
	return part.left && part.ids.last <= horizon_ && !MayDrop(part);
}

// With one those in front of it are written anew, as long as the next is no larger than all of them: so there are never
// many, and no row is copied often, since what it is part of has doubled each time. Returns the first.
size_t
Run::FirstMergedWith(size_t part) const
{
	int64_t left = *parts_[part].left;
	for (; part > 0 && MayRewrite(parts_[part - 1]) && *parts_[part - 1].left <= left; part--)
		left += *parts_[part - 1].left;
	return part;
}

// Where that has come to nothing it is done without the others: what was in the way may be of one of them.
void
Run::Rewrite()
{
	for (size_t end = parts_.size(), first; end > 0; end = first) {
		const Part &part = parts_[first = end - 1];
		if (!MayRewrite(part) || !IsSparse(part.size, *part.left))
			continue;
		if (!HasFailed(part))
			first = FirstMergedWith(first);
		if (std::optional<int64_t> bytes = api::Rewrite({&parts_[first], &parts_[first] + (end - first)}, turns_))
			compacted_.bytes += *bytes;
		else
			compacted_.status = Compacted::Status::kPartial;
	}
}

// The one that capture writes to cannot be written anew: it is to go on in another one if that is worth it. Rows that
// stay for long keep pages of the indexes alive that are empty but for them.
void
Run::LeaveLast()
{
	if (parts_.empty() || !HaveSeats())
		return;
	const Part &last = parts_.back();
	if (last.left && IsSparse(last.size, *last.left) && last.size >= kWorthLeaving)
		WithSeat(MyDatabaseId, [&](Seat &seat) { seat.compactor.left = last.ids.last; });
}

void
Run::Log(int64_t old_floor)
{
	if (compacted_.bytes == 0 && compacted_.floor == old_floor)
		return;
	turns_.Next();
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	spi.Execute("INSERT INTO txsync.sync_log (sync_type, status, code, records_synced, detail) VALUES ('compaction', "
				"'OK', 'CHANGELOG_COMPACTED', " +
				std::to_string(compacted_.rows) + ", " + pg::QuoteLiteral(Told(compacted_)) + ")");
}

Compacted
Run::Do()
{
	try {
		bool is_tidy = DropUnfinished(turns_);
		int64_t old_floor = Plan().floor;
		Forget();
		for (int64_t last = compacted_.floor, first; (first = NextBehind(last)) <= horizon_;)
			last = Compact(first);
		Drop();
		LeaveLast();
		if (is_tidy)
			Rewrite();
		else
			compacted_.status = Compacted::Status::kPartial;
		Log(old_floor);
	} catch (const Turns::Stopped &) {
		compacted_.status = Compacted::Status::kPartial;
	}
	return compacted_;
}

const char *
NameOf(Compacted::Status status)
{
	constexpr const char *kNames[] = {"done", "partial", "busy"}; // in Status's order
	return kNames[static_cast<size_t>(status)];
}

} // namespace

Compacted
CompactChangelog(TimestampTz horizon, const std::function<bool()> &may_go_on)
{
	CompactionLock lock;
	if (!lock.IsHeld())
		return {.status = Compacted::Status::kBusy};
	return Run(horizon, may_go_on).Do();
}

std::string
Told(const Compacted &compacted)
{
	auto member = [](const char *name, int64_t number) {
		return std::string(", \"") + name + "\": " + std::to_string(number);
	};
	return std::string("{\"status\": \"") + NameOf(compacted.status) + "\"" + member("rows", compacted.rows) +
		   member("bytes", compacted.bytes) + member("kept", compacted.kept) + member("dropped", compacted.dropped) +
		   member("floor", compacted.floor) + "}";
}

} // namespace txsync::api
