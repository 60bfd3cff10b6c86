#include "api/consumer_queue.h"

#include "api/spi_value.h"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/timestamp.h"
}

namespace txsync::api {

namespace {

constexpr char kAdd[] =
	"INSERT INTO txsync.delivery (consumer, activity, entity, attempts, due) SELECT $1, u.activity, u.entity,"
	" u.attempts, CASE WHEN pg_catalog.isfinite(u.due) THEN u.due END"
	" FROM ROWS FROM (pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5)) "
	"u(activity, entity, attempts, due)";
constexpr char kTakeDue[] =
	"WITH due AS (SELECT d.activity FROM txsync.delivery d WHERE d.consumer OPERATOR(pg_catalog.=) $1"
	" AND d.due OPERATOR(pg_catalog.<=) $2 ORDER BY d.due LIMIT $3), taken AS (DELETE FROM txsync.delivery d"
	" USING due WHERE d.consumer OPERATOR(pg_catalog.=) $1 AND d.activity OPERATOR(pg_catalog.=) due.activity"
	" RETURNING d.activity, d.entity, d.attempts) SELECT t.activity, t.entity, t.attempts FROM taken t ORDER BY 1";
constexpr char kAdvance[] =
	"UPDATE txsync.delivery d SET due = $3 FROM (SELECT pg_catalog.min(b.activity) AS activity FROM txsync.delivery b"
	" WHERE b.consumer OPERATOR(pg_catalog.=) $1 AND b.entity OPERATOR(pg_catalog.=) ANY ($2) GROUP BY b.entity) next"
	" WHERE d.consumer OPERATOR(pg_catalog.=) $1 AND d.activity OPERATOR(pg_catalog.=) next.activity";
constexpr char kAmong[] = "SELECT DISTINCT d.entity FROM txsync.delivery d WHERE d.consumer OPERATOR(pg_catalog.=) $1"
						  " AND d.entity OPERATOR(pg_catalog.=) ANY ($2)";
constexpr char kOldest[] =
	"SELECT d.activity FROM txsync.delivery d WHERE d.consumer OPERATOR(pg_catalog.=) $1 ORDER BY d.activity LIMIT 1";

constinit SPIPlanPtr add_plan = nullptr;
constinit SPIPlanPtr take_due_plan = nullptr;
constinit SPIPlanPtr advance_plan = nullptr;
constinit SPIPlanPtr among_plan = nullptr;
constinit SPIPlanPtr oldest_plan = nullptr;

pg::Spi::Parameter
Id(int32_t consumer)
{
	return {INT4OID, Int32GetDatum(consumer)};
}

pg::Spi::Parameter
Array(const Entities &entities)
{
	return NumbersParameter(std::vector<int64_t>(entities.begin(), entities.end()));
}

} // namespace

void
Queue::Add(std::span<const Waiting> waiting)
{
	if (waiting.empty())
		return;
	std::vector<int64_t> activities, entities, attempts, due;
	for (const auto &[delivery, when] : waiting) {
		activities.push_back(delivery.activity);
		entities.push_back(delivery.entity);
		attempts.push_back(delivery.attempts);
		due.push_back(when.value_or(DT_NOEND));
	}
	pg::Spi spi;
	spi.Execute(add_plan, kAdd,
				{{Id(consumer_), NumbersParameter(activities), NumbersParameter(entities), NumbersParameter(attempts),
				  InstantsParameter(due)}});
}

std::vector<Delivery>
Queue::TakeDue(TimestampTz now, size_t max)
{
	pg::Spi spi;
	uint64_t rows = spi.Execute(
		take_due_plan, kTakeDue,
		{{Id(consumer_), {TIMESTAMPTZOID, TimestampTzGetDatum(now)}, {INT8OID, Int64GetDatum(int64_t(max))}}});
	std::vector<Delivery> due;
	for (uint64_t row = 0; row < rows; row++)
		due.push_back({0, Number(row, 1), Number(row, 2), static_cast<int32_t>(Number(row, 3))});
	return due;
}

void
Queue::Advance(const Entities &entities, TimestampTz now)
{
	if (entities.empty())
		return;
	pg::Spi spi;
	spi.Execute(advance_plan, kAdvance, {{Id(consumer_), Array(entities), {TIMESTAMPTZOID, TimestampTzGetDatum(now)}}});
}

Entities
Queue::Among(const Entities &entities) const
{
	pg::Spi spi;
	uint64_t rows = spi.Execute(among_plan, kAmong, {{Id(consumer_), Array(entities)}});
	Entities among;
	for (uint64_t row = 0; row < rows; row++)
		among.insert(Number(row, 1));
	return among;
}

std::optional<int64_t>
Queue::Oldest() const
{
	pg::Spi spi;
	if (spi.Execute(oldest_plan, kOldest, {{Id(consumer_)}}) == 0)
		return std::nullopt;
	return Number(0, 1);
}

} // namespace txsync::api
