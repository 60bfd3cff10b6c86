#pragma once
// What workers of a consumer have: deliveries, until they are done with or the lease runs out.

#include "pg/spi.h"

#include <optional>
#include <span>
#include <unordered_set>

extern "C" {
#include "datatype/timestamp.h"
}

namespace txsync::api {

// An activity on its way to a worker.
struct Delivery
{
	int64_t id = 0; // another one each time that it is given; 0: nobody has it
	int64_t activity = 0;
	int64_t entity = 0; // a hash
	int32_t attempts = 0;
};

using Entities = std::unordered_set<int64_t>;

// All leases of one consumer, which is locked.
class Leases
{
public:
	static Leases Load(int32_t consumer);

	// Writes what has changed.
	void Save();

	// `deliveries` have ids that follow each other.
	void Add(std::span<const Delivery> deliveries, TimestampTz until);

	// Takes a delivery out; nothing if nobody has it.
	std::optional<Delivery> Take(int64_t delivery);

	// Takes out those whose leases have run out.
	std::vector<Delivery> TakeExpired(TimestampTz now);

	Entities Open() const;

	// The lowest activity.
	std::optional<int64_t> Oldest() const;

private:
	// A row.
	struct Lease
	{
		TimestampTz until;
		std::vector<Delivery> deliveries; // activity 0: taken out
		bool is_new = false;
		bool has_changed = false;

		int64_t
		First() const
		{
			return deliveries.front().id;
		}

		bool IsEmpty() const;
	};

	void Write(const Lease &lease) const;

	int32_t consumer_ = 0;
	std::vector<Lease> leases_; // in the order of their ids
};

} // namespace txsync::api
