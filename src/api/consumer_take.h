#pragma once
// What a worker of a consumer is given.

#include "api/by_index.h"
#include "api/consumer.h"

namespace txsync::api {

struct Given
{
	Delivery delivery;
	Datum change; // json
};

// At most `max` changes, leased for so many microseconds. What the consumer's creator may not read is done with by
// itself. In the scope of `by_index`, which statements on users' tables are out of.
std::vector<Given> Take(Consumer &consumer, const ByIndex &by_index, size_t max, TimestampTz lease);

} // namespace txsync::api
