#pragma once
// The changelog as a table: its partitions, and what is true of all of them. Called in a transaction.

#include "pg/server.h"

#include <optional>

extern "C" {
#include "utils/timestamp.h"
}

namespace txsync::api {

// Of a partition, until compaction makes one of several.
constexpr int64_t kIdsPerPartition = 10'000'000;

struct ActivityIds
{
	int64_t first;
	int64_t last;
};

// Which ids partition `number` is made for, and its name, which is by its first id.
ActivityIds IdsOfPartition(int64_t number);
std::string NameOfPartition(int64_t number);

struct ActivityPartition
{
	ActivityIds ids;
	Oid relation;

	std::string Name() const;
};

// In the order of their ids.
std::vector<ActivityPartition> ActivityPartitions();

struct ChangelogEnds
{
	int64_t first = 0; // 0: there are no activities
	int64_t last = 0;
	int64_t floor = 0;
};

ChangelogEnds FindEnds();

// The first activity with a larger id; the largest number if there is none.
int64_t FirstBehind(int64_t id);

// The last activity of those that were committed before `time`; less than the first one's id if there is none.
int64_t LastBefore(TimestampTz time, const ChangelogEnds &ends);

// Makes it true for all that activities up to `id` may be gone.
void RaiseFloor(int64_t id);

// Of consumers that may still go on: up to where all of them have read, or nothing.
int64_t LeastPosition();

// Those that are behind the floor cannot go on, which sync_log says.
void ExpireConsumers(int64_t floor);

} // namespace txsync::api
