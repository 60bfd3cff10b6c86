#pragma once
// What a worker of a consumer is given.

#include "api/consumer.h"

namespace txsync::api {

struct Given
{
	Delivery delivery;
	Datum change; // json
};

// At most `max` changes, leased until then. What the consumer's creator may not read is done with by itself.
std::vector<Given> Take(Consumer &consumer, size_t max, TimestampTz until);

} // namespace txsync::api
