#pragma once
// A row of the changelog's table.

#include "core/activity.h"
#include "pg/server.h"

extern "C" {
#include "executor/tuptable.h"
}

namespace txsync::worker {

constexpr int kColumns = 20;

// Stores it in a virtual slot of the table's; the values are in the current memory context.
void Fill(TupleTableSlot *row, const core::Activity &activity, int64_t id, int64_t epoch);

} // namespace txsync::worker
