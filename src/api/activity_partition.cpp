#include "api/activity_partition.h"

#include "api/attach.h"
#include "api/privileges.h"
#include "api/spi_value.h"
#include "pg/subtransaction.h"

extern "C" {
#include "access/table.h"
#include "commands/tablespace.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
}

namespace txsync::api {

namespace {

// Who reads the changelog meanwhile queues behind us for so long.
constexpr const char *kLockTimeout = "20ms";

void
Lock(const std::string &table)
{
	Oid oid = OwnTable(table.c_str());
	pg::Call([&] { LockRelationOid(oid, AccessExclusiveLock); });
}

// A lock, something that depends on a table, or a partition that has some of its ids.
bool
IsObstacle(const ErrorData &error)
{
	return error.sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		   error.sqlerrcode == ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST ||
		   error.sqlerrcode == ERRCODE_INVALID_OBJECT_DEFINITION;
}

std::string
ObstacleIn(const ErrorData &error)
{
	if (error.sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
		return "somebody uses it";
	return error.detail != nullptr ? error.detail : error.message;
}

// Runs f(spi), which returns how many bytes that gives back, as the extension's owner.
template <class F>
Outcome
InAnInstant(F &&f)
{
	Outcome outcome;
	try {
		pg::InSubtransaction([&] {
			pg::RoleScope as_owner(ExtensionOwner());
			pg::Call([] {
				set_config_option("lock_timeout", kLockTimeout, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
								  false);
			});
			pg::Spi spi;
			outcome.bytes = f(spi);
		});
	} catch (const pg::Error &error) {
		if (!IsObstacle(*error.data))
			throw;
		outcome.obstacle = ObstacleIn(*error.data);
	} catch (const pg::Failure &failure) {
		outcome.obstacle = failure.message;
	}
	return outcome;
}

// Returns how many bytes it had.
int64_t
Drop(pg::Spi &spi, const std::string &table)
{
	Lock(table);
	int64_t bytes = SizeOf(OwnTable(table.c_str()));
	spi.Execute("ALTER EXTENSION txsync DROP TABLE txsync." + table);
	spi.Execute("DROP TABLE txsync." + table);
	return bytes;
}

// Who has taken it out of the changelog means to keep it.
int64_t
Drop(pg::Spi &spi, const ActivityPartition &partition)
{
	std::string name = partition.Name();
	Lock(name);
	if (OwnTable(name.c_str()) != partition.relation ||
		!pg::Call([&] { return get_rel_relispartition(partition.relation); }))
		throw pg::Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "table \"" + name + "\" is another one meanwhile"};
	return Drop(spi, name);
}

} // namespace

int64_t
SizeOf(Oid table)
{
	return pg::Call(
		[&] { return DatumGetInt64(DirectFunctionCall1(pg_total_relation_size, ObjectIdGetDatum(table))); });
}

void
CreateActivityTable(const std::string &name)
{
	pg::Spi spi;
	std::string table = "txsync." + name;
	spi.Execute("CREATE TABLE " + table + " (LIKE txsync.activity INCLUDING CONSTRAINTS) USING heap");
	RevokeFromOthers(spi, table);
	spi.Execute("ALTER TABLE " + table + " REPLICA IDENTITY NOTHING"); // nobody is told what compaction deletes
	spi.Execute("ALTER EXTENSION txsync ADD TABLE " + table);
}

std::vector<Oid>
IndexesOfActivity(ActivityIndexes which)
{
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	spi.Execute(std::string("SELECT indexrelid FROM pg_catalog.pg_index WHERE indrelid = "
							"'txsync.activity'::pg_catalog.regclass") +
				(which == ActivityIndexes::kRare ? " AND indpred IS NOT NULL" : "") + " ORDER BY 1");
	return Oids();
}

void
CreateIndexLike(Oid index, const std::string &table)
{
	pg::SettingsScope settings;
	const char *place = pg::Call([&] { return get_tablespace_name(get_rel_tablespace(index)); });
	if (place != nullptr)
		settings.Set("default_tablespace", place);
	pg::Spi spi;
	spi.Execute(
		"SELECT CASE WHEN k.oid IS NULL THEN 'CREATE ' || CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END || "
		"'INDEX ON txsync." +
		table +
		" USING ' || pg_catalog.regexp_replace(pg_catalog.pg_get_indexdef(c.oid), '^.*? USING ', '') ELSE "
		"'ALTER TABLE txsync." +
		table +
		" ADD ' || pg_catalog.pg_get_constraintdef(k.oid) || coalesce(' WITH (' || "
		"pg_catalog.array_to_string(c.reloptions, ', ') || ')', '') END FROM pg_catalog.pg_index i JOIN "
		"pg_catalog.pg_class c ON c.oid = i.indexrelid LEFT JOIN pg_catalog.pg_constraint k ON k.conindid = "
		"c.oid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x') WHERE c.oid = " +
		std::to_string(index));
	spi.Execute(*pg::Spi::Value(1));
}

void
AttachPartition(const std::string &table, const ActivityIds &ids)
{
	pg::Spi spi;
	spi.Execute("ALTER TABLE txsync.activity ATTACH PARTITION txsync." + table + " FOR VALUES FROM (" +
				std::to_string(ids.first) + ") TO (" + std::to_string(ids.last + 1) + ")");
}

bool
EverybodySees(const ActivityPartition &partition, TransactionId next)
{
	return pg::Call([&] {
		Relation relation = table_open(partition.relation, AccessShareLock);
		TransactionId oldest = GetOldestNonRemovableTransactionId(relation);
		table_close(relation, AccessShareLock);
		return !TransactionIdPrecedes(oldest, next);
	});
}

Outcome
DropPartition(const ActivityPartition &partition)
{
	return InAnInstant([&](pg::Spi &spi) {
		Lock("activity");
		return Drop(spi, partition);
	});
}

Outcome
ReplacePartitions(const std::vector<ActivityPartition> &partitions, const std::string &table,
				  const std::string &constraint)
{
	return InAnInstant([&](pg::Spi &spi) {
		Lock("activity");
		int64_t bytes = 0;
		for (const ActivityPartition &partition : partitions)
			bytes += Drop(spi, partition);
		Lock(table);
		bytes -= SizeOf(OwnTable(table.c_str()));
		AttachPartition(table, {partitions.front().ids.first, partitions.back().ids.last});
		spi.Execute("ALTER TABLE txsync." + table + " DROP CONSTRAINT " + constraint + ", RESET (autovacuum_enabled)");
		spi.Execute("ALTER TABLE txsync." + table + " RENAME TO " + partitions.front().Name());
		return bytes;
	});
}

Outcome
DropActivityTable(const std::string &name)
{
	return InAnInstant([&](pg::Spi &spi) { return Drop(spi, name); });
}

} // namespace txsync::api
