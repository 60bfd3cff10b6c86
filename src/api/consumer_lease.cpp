#include "api/consumer_lease.h"

#include "api/spi_value.h"

#include <algorithm>

extern "C" {
#include "catalog/pg_type.h"
}

namespace txsync::api {

namespace {

// A row of so many is neither toasted nor slow to write again when one of them is acknowledged.
constexpr size_t kRow = 64;

constexpr char kLoad[] = "SELECT l.first_delivery, l.until, l.activities, l.entities, l.attempts FROM txsync.lease l"
						 " WHERE l.consumer OPERATOR(pg_catalog.=) $1 ORDER BY l.first_delivery";
constexpr char kInsert[] = "INSERT INTO txsync.lease (consumer, first_delivery, activities, entities, attempts, until)"
						   " VALUES ($1, $2, $3, $4, $5::integer[], $6)";
constexpr char kUpdate[] = "UPDATE txsync.lease SET activities = $3 WHERE consumer OPERATOR(pg_catalog.=) $1"
						   " AND first_delivery OPERATOR(pg_catalog.=) $2";
constexpr char kDelete[] = "DELETE FROM txsync.lease WHERE consumer OPERATOR(pg_catalog.=) $1"
						   " AND first_delivery OPERATOR(pg_catalog.=) ANY ($2)";

constinit SPIPlanPtr load_plan = nullptr;
constinit SPIPlanPtr insert_plan = nullptr;
constinit SPIPlanPtr update_plan = nullptr;
constinit SPIPlanPtr delete_plan = nullptr;

pg::Spi::Parameter
Column(std::span<const Delivery> deliveries, int64_t (*of)(const Delivery &))
{
	std::vector<int64_t> numbers(deliveries.size());
	std::ranges::transform(deliveries, numbers.begin(), of);
	return NumbersParameter(numbers);
}

} // namespace

bool
Leases::Lease::IsEmpty() const
{
	return std::ranges::all_of(deliveries, [](const Delivery &delivery) { return delivery.activity == 0; });
}

Leases
Leases::Load(int32_t consumer)
{
	Leases leases;
	leases.consumer_ = consumer;
	pg::Spi spi;
	uint64_t rows = spi.Execute(load_plan, kLoad, {{{INT4OID, Int32GetDatum(consumer)}}}, pg::Spi::Planned::kGeneric);
	for (uint64_t row = 0; row < rows; row++) {
		int64_t id = Number(row, 1);
		std::vector<int64_t> activities = Numbers(row, 3);
		std::vector<int64_t> entities = Numbers(row, 4);
		std::vector<int64_t> attempts = Numbers(row, 5);
		Lease lease{Number(row, 2), {}};
		for (size_t i = 0; i < activities.size(); i++)
			lease.deliveries.push_back({id++, activities[i], entities[i], static_cast<int32_t>(attempts[i])});
		leases.leases_.push_back(std::move(lease));
	}
	return leases;
}

void
Leases::Write(const Lease &lease) const
{
	pg::Spi spi;
	pg::Spi::Parameter parameters[] = {
		{INT4OID, Int32GetDatum(consumer_)},
		{INT8OID, Int64GetDatum(lease.First())},
		Column(lease.deliveries, [](const Delivery &delivery) { return delivery.activity; }),
		Column(lease.deliveries, [](const Delivery &delivery) { return delivery.entity; }),
		Column(lease.deliveries, [](const Delivery &delivery) { return int64_t{delivery.attempts}; }),
		{TIMESTAMPTZOID, Int64GetDatum(lease.until)}};
	if (lease.is_new)
		spi.Execute(insert_plan, kInsert, parameters, pg::Spi::Planned::kGeneric);
	else
		spi.Execute(update_plan, kUpdate, {parameters, 3}, pg::Spi::Planned::kGeneric);
}

void
Leases::Save()
{
	std::vector<int64_t> empty;
	for (Lease &lease : leases_) {
		if (!lease.has_changed)
			continue;
		if (lease.IsEmpty())
			empty.push_back(lease.First());
		else
			Write(lease);
		lease.is_new = lease.has_changed = false;
	}
	if (empty.empty())
		return;
	pg::Spi spi;
	spi.Execute(delete_plan, kDelete, {{{INT4OID, Int32GetDatum(consumer_)}, NumbersParameter(empty)}},
				pg::Spi::Planned::kGeneric);
	std::erase_if(leases_, [](const Lease &lease) { return lease.IsEmpty(); });
}

void
Leases::Add(std::span<const Delivery> deliveries, TimestampTz until)
{
	for (size_t at = 0; at < deliveries.size(); at += kRow) {
		std::span<const Delivery> row = deliveries.subspan(at, std::min(kRow, deliveries.size() - at));
		leases_.push_back({until, {row.begin(), row.end()}, true, true});
	}
}

std::optional<Delivery>
Leases::Take(int64_t delivery)
{
	auto behind = std::ranges::upper_bound(leases_, delivery, {}, &Lease::First);
	if (behind == leases_.begin())
		return std::nullopt;
	Lease &lease = *std::prev(behind);
	auto at = static_cast<size_t>(delivery - lease.First());
	if (at >= lease.deliveries.size() || lease.deliveries[at].activity == 0)
		return std::nullopt;
	Delivery taken = lease.deliveries[at];
	lease.deliveries[at].activity = 0;
	lease.has_changed = true;
	return taken;
}

std::vector<Delivery>
Leases::TakeExpired(TimestampTz now)
{
	std::vector<Delivery> taken;
	for (Lease &lease : leases_) {
		if (lease.until > now)
			continue;
		for (Delivery &delivery : lease.deliveries) {
			if (delivery.activity != 0)
				taken.push_back(delivery);
			delivery.activity = 0;
		}
		lease.has_changed = true;
	}
	return taken;
}

Entities
Leases::Open() const
{
	Entities open;
	for (const Lease &lease : leases_) {
		for (const Delivery &delivery : lease.deliveries) {
			if (delivery.activity != 0)
				open.insert(delivery.entity);
		}
	}
	return open;
}

std::optional<int64_t>
Leases::Oldest() const
{
	std::optional<int64_t> oldest;
	for (const Lease &lease : leases_) {
		for (const Delivery &delivery : lease.deliveries) {
			if (delivery.activity != 0 && (!oldest || delivery.activity < *oldest))
				oldest = delivery.activity;
		}
	}
	return oldest;
}

} // namespace txsync::api
