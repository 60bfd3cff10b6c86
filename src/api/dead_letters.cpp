#include "api/dead_letters.h"

#include "api/entity.h"
#include "api/spi_value.h"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/timestamp.h"
}

namespace txsync::api {

namespace {

constexpr char kAdd[] = "INSERT INTO txsync.dead_letter (consumer, delivery, activity, entity, attempts, error,"
						" died_at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
constexpr char kTake[] = "DELETE FROM txsync.dead_letter d WHERE d.consumer OPERATOR(pg_catalog.=) $1"
						 " AND d.delivery OPERATOR(pg_catalog.=) ANY ($2) RETURNING d.delivery, d.activity, d.entity";
constexpr char kGone[] = "SELECT d.delivery FROM txsync.dead_letter d WHERE d.consumer OPERATOR(pg_catalog.=) $1"
						 " AND d.delivery OPERATOR(pg_catalog.=) ANY ($2) AND NOT EXISTS (SELECT FROM txsync.activity a"
						 " WHERE a.id OPERATOR(pg_catalog.=) d.activity)";

constinit SPIPlanPtr add_plan = nullptr;
constinit SPIPlanPtr take_plan = nullptr;
constinit SPIPlanPtr gone_plan = nullptr;

} // namespace

void
DeadLetters::Add(std::span<const Delivery> dead, const std::optional<std::string> &error, TimestampTz now)
{
	if (dead.empty())
		return;
	pg::Spi spi;
	for (const Delivery &delivery : dead) {
		pg::Spi::Parameter parameters[] = {
			{INT4OID, Int32GetDatum(consumer_)},         {INT8OID, Int64GetDatum(delivery.id)},
			{INT8OID, Int64GetDatum(delivery.activity)}, {INT8OID, Int64GetDatum(delivery.entity)},
			{INT4OID, Int32GetDatum(delivery.attempts)}, TextParameter(error ? *error : std::string_view("")),
			{TIMESTAMPTZOID, TimestampTzGetDatum(now)}};
		parameters[5].null = !error;
		spi.Execute(add_plan, kAdd, parameters, pg::Spi::Planned::kGeneric);
	}
}

std::vector<Delivery>
DeadLetters::Take(std::span<const int64_t> ids)
{
	std::vector<Delivery> taken;
	if (ids.empty())
		return taken;
	pg::Spi spi;
	uint64_t rows = spi.Execute(take_plan, kTake, {{{INT4OID, Int32GetDatum(consumer_)}, NumbersParameter(ids)}},
								pg::Spi::Planned::kGeneric);
	for (uint64_t row = 0; row < rows; row++)
		taken.push_back({Number(row, 1), Number(row, 2), Number(row, 3)});
	return taken;
}

std::vector<int64_t>
DeadLetters::Gone(std::span<const int64_t> ids) const
{
	pg::Spi spi;
	uint64_t rows = spi.Execute(gone_plan, kGone, {{{INT4OID, Int32GetDatum(consumer_)}, NumbersParameter(ids)}},
								pg::Spi::Planned::kGeneric);
	std::vector<int64_t> gone;
	for (uint64_t row = 0; row < rows; row++)
		gone.push_back(Number(row, 1));
	return gone;
}

} // namespace txsync::api
