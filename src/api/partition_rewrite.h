#pragma once
// Gives the space back of what compaction has deleted in partitions that nobody writes to any more: what is left of
// neighbours is copied into another table, which then takes their place. Called by who has compaction's lock.

#include "api/activity_table.h"
#include "api/turns.h"

namespace txsync::api {

// Whether a partition of a size, with its indexes, is mostly empty if its rows take so many bytes of it.
bool IsSparse(int64_t size, int64_t bytes);

// Whether what was begun on behalf of the partition has come to nothing.
bool HasFailed(const ActivityPartition &partition);

// Makes one of partitions that are neighbours, in the order of their ids, on behalf of the last. Returns how many bytes
// that gives back; nothing if somebody is in the way.
std::optional<int64_t> Rewrite(const std::vector<ActivityPartition> &partitions, Turns &turns);

// Those that were ended in the middle have left tables: false if somebody is in the way.
bool DropUnfinished(Turns &turns);

} // namespace txsync::api
