#pragma once
// What a consumer's workers were given as often as it allows, and did not acknowledge.

#include "api/consumer_lease.h"

namespace txsync::api {

// Of one consumer, which is locked.
class DeadLetters
{
public:
	explicit DeadLetters(int32_t consumer)
		: consumer_(consumer)
	{}

	void Add(std::span<const Delivery> dead, const std::optional<std::string> &error, TimestampTz now);

	// Takes out those that are there.
	std::vector<Delivery> Take(std::span<const int64_t> ids);

	// Those whose activities the changelog has no longer.
	std::vector<int64_t> Gone(std::span<const int64_t> ids) const;

private:
	int32_t consumer_;
};

} // namespace txsync::api
