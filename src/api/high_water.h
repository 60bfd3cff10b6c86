#pragma once
// How far the clock may have gone in this database: a mark that is on disk before ids beyond it are given. It is the
// page of the sequence txsync.clock, changed by generic WAL records.

#include "pg/call.h"

namespace txsync::api {

struct HighWater
{
	uint64_t wall_ms = 0;
	uint64_t clock = 0; // which clock raised it last; 0: none
};

// What this backend knows to be on disk; 0 if nothing, as before its first update, and when the relation has changed.
uint64_t KnownHighWater();

// Calls update(mark, wall_ms) with the mark locked, against other backends too; true says that it has changed the mark.
// Nothing in it may fail or wait. What the mark is then is on disk on return. Not during recovery.
void UpdateHighWater(bool (*update)(HighWater &mark, uint64_t wall_ms), uint64_t wall_ms);

} // namespace txsync::api
