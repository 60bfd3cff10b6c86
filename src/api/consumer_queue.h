#pragma once
// What a consumer has looked at and nobody has: deliveries that wait for another attempt, or for an earlier one of
// their entity. Of each entity one is leased or due; the others are behind it.

#include "api/consumer_lease.h"

namespace txsync::api {

// Of one consumer, which is locked.
class Queue
{
public:
	explicit Queue(int32_t consumer)
		: consumer_(consumer)
	{}

	struct Waiting
	{
		Delivery delivery;
		std::optional<TimestampTz> due; // nothing: it is behind another one
	};
	void Add(std::span<const Waiting> waiting);

	// Takes out what is due, the longest first, in the order of activities.
	std::vector<Delivery> TakeDue(TimestampTz now, size_t max);

	// What was leased or due of these entities is done with: the next one behind it is due.
	void Advance(const Entities &entities, TimestampTz now);

	// Those of the entities of which it has any.
	Entities Among(const Entities &entities) const;

	// The lowest activity.
	std::optional<int64_t> Oldest() const;

private:
	int32_t consumer_;
};

} // namespace txsync::api
