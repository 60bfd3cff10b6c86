#pragma once
// What a subscriber may ask for. docs/format.md has the same list.

#include "core/filter.h"
#include "core/form.h"
#include "pg/server.h"

extern "C" {
#include "nodes/pg_list.h"
}

namespace txsync::decoder {

// All texts are in the database's encoding.
struct Options
{
	enum class Batch
	{
		kAuto, // several lines per message for a walsender, one for the SQL functions
		kOn,
		kOff,
	};

	enum class Origin
	{
		kAny,
		kNone, // only changes that were not replicated from elsewhere
	};

	enum class Data
	{
		kAll,
		kChanged, // of an update the changed columns, where they are known
		kNone,
		kNotified, // of tables that are tracked with notify => 'full': for the changelog, no subscriber may ask for it
	};

	enum class BigNumbers
	{
		kNumber,
		kString,
	};

	core::Filter filter;
	std::vector<std::string> publications; // empty: whatever is published or not
	Origin origin = Origin::kAny;
	std::vector<core::Pattern> messages; // prefixes of logical messages to tell; empty: none
	Data include_data = Data::kAll;
	bool include_old = false;
	BigNumbers big_numbers = BigNumbers::kNumber;
	size_t max_record_bytes = size_t{64} << 20; // of a line; a larger one goes without data
	core::Form form = core::Form::kWhole;
	Batch batch = Batch::kAuto;
	bool streaming = false;
	bool two_phase = false;
};

// From the list of DefElem that START_REPLICATION or an SQL function gives. Throws pg::Failure for what is not in the
// list above, and for options that contradict each other.
Options ReadOptions(List *options);

} // namespace txsync::decoder
