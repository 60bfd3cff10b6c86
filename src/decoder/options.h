#pragma once
// What a subscriber may ask for. docs/format.md has the same list.

#include "pg/server.h"

extern "C" {
#include "nodes/pg_list.h"
}

namespace txsync::decoder {

struct Options
{
	enum class Batch
	{
		kAuto, // several lines per message for a walsender, one for the SQL functions
		kOn,
		kOff,
	};

	Batch batch = Batch::kAuto;
};

// From the list of DefElem that START_REPLICATION or an SQL function gives. Throws pg::Failure for what is not in the
// list above.
Options ReadOptions(List *options);

} // namespace txsync::decoder
