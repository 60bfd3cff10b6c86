#pragma once
// What the tracked tables hold, held against what the changelog says of them.

#include "core/activity.h"
#include "worker/collector.h"

namespace txsync::worker {

// Collects an activity for each entity that the changelog does not know, or knows otherwise: creates, updates of which
// nothing more is known, deletes. An update, or a row that the changelog does not know, counts only if a transaction
// from `horizon` on has written the row; always for one that is not valid. What is collected stands at `position` and
// the rows behind it. Called in a transaction: the tables are seen by its snapshot, which must be no older than they
// are.
void TakeInventory(Collector &collected, FullTransactionId horizon, core::Position position);

} // namespace txsync::worker
