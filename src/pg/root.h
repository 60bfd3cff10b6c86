#pragma once
// Where a table stands in a tree of partitions.

#include "pg/server.h"

extern "C" {
#include "utils/rel.h"
}

namespace txsync::pg {

// The topmost partitioned table above a partition; the relation itself if there is none. That may be so of a partition,
// too: while DETACH CONCURRENTLY is under way, or was cancelled.
Oid RootOf(Relation relation);

} // namespace txsync::pg
