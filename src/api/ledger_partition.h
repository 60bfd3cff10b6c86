#pragma once
// Which partition of txsync.mutation an id belongs to: it is a function of the id, so that one partition's index makes
// it unique. Ids with a time have partitions by the day; the worker makes them ahead and drops the old ones.

#include "pg/server.h"

#include <optional>

namespace txsync::api {

// The day of an HLC id, counted from 1970 (UTC); nothing for other ids.
std::optional<int32_t> DayOf(std::string_view transaction_id);

std::string NameOfDay(int32_t day);

int32_t Today();

// Where the id is, or would be.
Oid LedgerPartitionOf(std::string_view transaction_id);

// Throws TOO_OLD for an id that is not in its partition, but may have been in one that was pruned.
void RequireNotPruned(std::string_view transaction_id);

} // namespace txsync::api
