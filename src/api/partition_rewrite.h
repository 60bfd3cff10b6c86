#pragma once
// Gives the space back of what compaction has deleted in partitions that nobody writes to any more: what is left of one
// is copied into another table, which then takes its place. Called by who has compaction's lock.

#include "api/activity_table.h"
#include "api/turns.h"

namespace txsync::api {

// Whether a partition of a size, with its indexes, is mostly empty if its rows take so many bytes of it.
bool IsSparse(int64_t size, int64_t bytes);

// How many bytes that gives back; nothing if somebody is in the way.
std::optional<int64_t> Rewrite(const ActivityPartition &partition, Turns &turns);

// Those that were ended in the middle have left tables: false if somebody is in the way.
bool DropUnfinished(Turns &turns);

} // namespace txsync::api
