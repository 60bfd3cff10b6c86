#pragma once
// Which partition of txsync.mutation an id belongs to: it is a function of the id, so that one partition's index makes
// it unique. Ids with a time have partitions by the day; the worker makes them ahead and drops the old ones.

#include "pg/server.h"

#include <optional>

namespace txsync::api {

// The day of an HLC id, counted from 1970 (UTC); nothing for other ids.
std::optional<int32_t> DayOf(std::string_view transaction_id);

std::string NameOfDay(int32_t day);

// Where the id is, or would be.
Oid FindLedgerPartition(std::string_view transaction_id);

// The same for a claim: fails with TOO_OLD where the id's partition was pruned.
Oid LedgerPartitionOf(std::string_view transaction_id);

} // namespace txsync::api
