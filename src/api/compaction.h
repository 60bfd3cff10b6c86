#pragma once
// Compaction of the changelog: what newer activities stand for goes, and what is older than it has to be kept.

#include "pg/server.h"

#include <functional>

extern "C" {
#include "utils/timestamp.h"
}

namespace txsync::api {

struct Compacted
{
	enum class Status : uint8_t
	{
		kDone,
		kPartial, // something was in the way: it is for the next time
		kBusy,    // another one is at it
	};

	Status status = Status::kDone;
	int64_t rows = 0;    // deleted
	int64_t bytes = 0;   // of these, and of the tables that were dropped
	int64_t kept = 0;    // of those that it looked at
	int64_t dropped = 0; // tables
	int64_t floor = 0;
};

// Among what was committed before `horizon`. Called in a transaction that may be committed, and leaves another one.
// Every turn of it stands for itself, so that it may be ended at any time; `may_go_on` is asked between turns.
Compacted CompactChangelog(TimestampTz horizon, const std::function<bool()> &may_go_on);

// As JSON.
std::string Told(const Compacted &compacted);

} // namespace txsync::api
