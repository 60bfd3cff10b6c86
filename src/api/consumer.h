#pragma once
// A consumer: workers that are given changes, of each entity one at a time, until they say that it is done with.

#include "api/activity.h"
#include "api/changelog.h"
#include "api/consumer_lease.h"
#include "api/consumer_queue.h"
#include "api/dead_letters.h"

namespace txsync::api {

// One that is locked until the transaction ends: of all that is done with it, one thing is done at a time. To be used
// as the extension's owner.
struct Consumer
{
	std::string name;
	int32_t id;
	Oid creator;
	Filter filter;
	int32_t max_attempts;
	int64_t position; // activities up to it are done with
	int64_t read_to;  // and those up to it were looked at
	int64_t last_delivery;
	bool expired;

	Leases leases;
	Queue queue;
	DeadLetters dead_letters;
	TimestampTz now; // when it was locked

	// Fails if there is none, or `caller` is no member of the role that created it.
	static Consumer Open(const std::string &name, Oid caller);

	// Fails where nobody knows any more what the creator would see.
	void RequireCreator() const;

	// Deliveries that workers had and failed with: they wait for another attempt, by default for longer each time, or
	// are dead.
	void PutBack(std::span<const Delivery> failed, std::optional<TimestampTz> delay,
				 const std::optional<std::string> &error);

	// What it has not read is gone, at least in part.
	bool
	HasExpired(const Extent &extent) const
	{
		return expired || position < extent.floor;
	}

	bool
	IsLast(const Delivery &delivery) const
	{
		return delivery.attempts >= max_attempts;
	}

	// Writes what has become of it.
	void Save();
};

} // namespace txsync::api
