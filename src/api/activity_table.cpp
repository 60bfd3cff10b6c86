#include "api/activity_table.h"

#include "api/attach.h"
#include "api/spi_value.h"

#include <limits>

extern "C" {
#include "catalog/pg_type.h"
}

namespace txsync::api {

ActivityIds
IdsOfPartition(int64_t number)
{
	return {number * kIdsPerPartition + 1, (number + 1) * kIdsPerPartition};
}

std::string
NameOfPartition(int64_t number)
{
	return "activity_" + std::to_string(number);
}

std::string
ActivityPartition::Name() const
{
	return NameOfPartition(ids.first / kIdsPerPartition);
}

std::vector<ActivityPartition>
ActivityPartitions()
{
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	uint64_t count =
		spi.Execute("SELECT b.ids[1]::bigint, b.ids[2]::bigint - 1, c.oid FROM pg_catalog.pg_inherits i JOIN "
					"pg_catalog.pg_class c ON c.oid = i.inhrelid, "
					"pg_catalog.regexp_match(pg_catalog.pg_get_expr(c.relpartbound, c.oid), "
					"'FROM [(]''([0-9]+)''[)] TO [(]''([0-9]+)''[)]') AS b (ids) WHERE i.inhparent "
					"= 'txsync.activity'::pg_catalog.regclass AND c.relname "
					"~ '^activity_[0-9]+$' AND b.ids IS NOT NULL ORDER BY 1");
	std::vector<ActivityPartition> partitions(count);
	for (uint64_t i = 0; i < count; i++)
		partitions[i] = {{Number(i, 1), Number(i, 2)}, static_cast<Oid>(Number(i, 3))};
	return partitions;
}

ChangelogEnds
FindEnds()
{
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	spi.Execute("SELECT (SELECT pg_catalog.min(id) FROM txsync.activity), (SELECT pg_catalog.max(id) FROM "
				"txsync.activity), (SELECT s.floor FROM txsync.capture_state s JOIN txsync.capture_worker() w USING "
				"(system_identifier, database))");
	auto number = [](int column) { return std::stoll(pg::Spi::Value(column).value_or("0")); };
	return {number(1), number(2), number(3)};
}

int64_t
FirstBehind(int64_t id)
{
	static SPIPlanPtr plan;
	const pg::Spi::Parameter parameters[] = {{INT8OID, Int64GetDatum(id)}};
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	bool any = spi.Execute(plan, "SELECT id FROM txsync.activity WHERE id > $1 ORDER BY id LIMIT 1", parameters) > 0;
	return any ? Number(0, 1) : std::numeric_limits<int64_t>::max();
}

int64_t
LastBefore(TimestampTz time, const ChangelogEnds &ends)
{
	static SPIPlanPtr plan;
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	int64_t from = ends.first;
	int64_t to = ends.last;
	while (from <= to) {
		int64_t middle = from + (to - from) / 2;
		const pg::Spi::Parameter parameters[] = {{INT8OID, Int64GetDatum(middle)},
												 {TIMESTAMPTZOID, TimestampTzGetDatum(time)}};
		bool any = spi.Execute(plan,
							   "SELECT id, committed_at < $2 FROM txsync.activity WHERE id "
							   ">= $1 ORDER BY id LIMIT 1",
							   parameters) > 0;
		if (any && *pg::Spi::Value(2) == "t")
			from = std::stoll(*pg::Spi::Value(1)) + 1;
		else
			to = middle - 1;
	}
	return from - 1;
}

// Its transaction is to be short: capture writes the same row.
void
RaiseFloor(int64_t id)
{
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	spi.Execute("INSERT INTO txsync.capture_state AS s (system_identifier, database, floor) SELECT "
				"w.system_identifier, w.database, " +
				std::to_string(id) +
				" FROM txsync.capture_worker() w ON CONFLICT (system_identifier, database) DO UPDATE SET floor = "
				"EXCLUDED.floor WHERE s.floor < EXCLUDED.floor");
}

int64_t
LeastPosition()
{
	constexpr int64_t kNobody = std::numeric_limits<int64_t>::max();
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	spi.Execute("SELECT pg_catalog.min(position) FROM txsync.consumer WHERE NOT expired");
	std::optional<std::string> position = pg::Spi::Value(1);
	return position ? std::stoll(*position) : kNobody;
}

// One whose worker is at work is for the next run.
void
ExpireConsumers(int64_t floor)
{
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	std::string limit = std::to_string(floor);
	spi.Execute("WITH behind AS (SELECT name, position FROM txsync.consumer WHERE NOT expired AND position < " + limit +
				" FOR NO KEY UPDATE SKIP LOCKED), expired AS (UPDATE txsync.consumer c SET expired = true FROM behind "
				"b WHERE c.name = b.name RETURNING c.name, c.position) INSERT INTO txsync.sync_log (sync_type, status, "
				"code, error_message, detail) SELECT 'compaction', 'WARNING', 'CONSUMER_EXPIRED', pg_catalog.format("
				"'consumer \"%s\" is too far behind: what it has not read is gone', e.name), "
				"pg_catalog.jsonb_build_object('consumer', e.name, 'position', e.position, 'floor', " +
				limit + ") FROM expired e");
}

} // namespace txsync::api
