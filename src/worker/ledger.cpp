#include "worker/ledger.h"

#include "api/attach.h"
#include "api/ledger_partition.h"
#include "pg/spi.h"
#include "worker/settings.h"
#include "worker/transaction.h"

extern "C" {
#include "catalog/namespace.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
}

namespace txsync::worker {

namespace {

constexpr int kMinuteMs = 60'000;
constexpr int kHourMs = 3'600'000;

// Clocks of clients may be ahead, and nobody is to wait for midnight.
constexpr int32_t kDaysAhead = 2;

// Rows that one transaction deletes.
constexpr const char *kBatch = "10000";

Oid
TableNamed(const std::string &name)
{
	return pg::Call([&] { return get_relname_relid(name.c_str(), get_namespace_oid("txsync", false)); });
}

bool
LockAtOnce(const std::string &table, LOCKMODE mode)
{
	Oid oid = TableNamed(table);
	return OidIsValid(oid) && pg::Call([&] { return ConditionalLockRelationOid(oid, mode); });
}

std::string
DateOf(int32_t day)
{
	return "(DATE '1970-01-01' + " + std::to_string(day) + ")";
}

// Claims of that day that came before their partition move there.
void
MakeDay(int32_t day)
{
	std::string name = "txsync." + api::NameOfDay(day);
	std::string date = DateOf(day);
	pg::Spi spi;
	spi.Execute("CREATE TABLE " + name + " (LIKE txsync.mutation)");
	spi.Execute("CREATE UNIQUE INDEX " + api::NameOfDay(day) + "_id ON " + name + " (transaction_id)");
	spi.Execute("ALTER TABLE " + name + " REPLICA IDENTITY USING INDEX " + api::NameOfDay(day) + "_id");
	spi.Execute("WITH moved AS (DELETE FROM txsync.mutation_rest WHERE txsync.mutation_day(transaction_id) = " + date +
				" RETURNING *) INSERT INTO " + name + " SELECT * FROM moved");
	spi.Execute("ALTER TABLE txsync.mutation_hlc ATTACH PARTITION " + name + " FOR VALUES FROM " + date + " TO (" + date +
				" + 1)");
}

// A dump has the partitions, too. So that nothing is in the way where one is restored, none is made before it is
// needed: today's when it has claims, and then, being attached, which in a dump comes behind all the tables, the next.
bool
IsInUse(int32_t today)
{
	pg::Spi spi;
	return spi.Execute("SELECT FROM pg_catalog.pg_inherits WHERE inhparent = 'txsync.mutation_hlc'::regclass AND inhrelid = "
					   "pg_catalog.to_regclass('txsync." +
					   api::NameOfDay(today) + "')") > 0 ||
		   spi.Execute("SELECT FROM txsync.mutation_rest WHERE txsync.mutation_day(transaction_id) = " + DateOf(today) +
					   " LIMIT 1") > 0;
}

void
MakeDays()
{
	int32_t today = api::Today();
	if (!IsInUse(today))
		return;
	for (int32_t day = today; day <= today + kDaysAhead; day++) {
		if (OidIsValid(TableNamed(api::NameOfDay(day))))
			continue;
		if (!LockAtOnce("mutation_hlc", ShareUpdateExclusiveLock) || !LockAtOnce("mutation_rest", AccessExclusiveLock))
			return;
		MakeDay(day);
	}
}

// From here on ids of the days before are refused: they may have been applied.
void
RaiseFloor(pg::Spi &spi, const std::string &date)
{
	spi.Execute("DELETE FROM txsync.mutation_floor WHERE floor < " + date);
	spi.Execute("INSERT INTO txsync.mutation_floor SELECT " + date +
				" WHERE NOT EXISTS (SELECT FROM txsync.mutation_floor)");
}

std::string
CutOff()
{
	return "(pg_catalog.now() - " + std::to_string(LedgerRetentionMinutes()) + " * interval '1 min')";
}

void
DropDays()
{
	pg::Spi spi;
	std::string first_kept = "(" + CutOff() + " AT TIME ZONE 'UTC')::date";
	uint64_t count = spi.Execute(
		"SELECT c.relname, pg_catalog.to_date(pg_catalog.right(c.relname, -9), 'YYYYMMDD') + 1 FROM pg_catalog.pg_inherits i "
		"JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'txsync.mutation_hlc'::regclass AND "
		"c.relname ~ '^mutation_[0-9]+$' AND pg_catalog.to_date(pg_catalog.right(c.relname, -9), 'YYYYMMDD') < " +
		first_kept + " ORDER BY 2 LIMIT 1");
	if (count == 0)
		return;
	std::string name = *pg::Spi::Value(1);
	std::string floor = "DATE '" + *pg::Spi::Value(2) + "'";
	if (!LockAtOnce("mutation_hlc", AccessExclusiveLock) || !LockAtOnce(name, AccessExclusiveLock))
		return;
	RaiseFloor(spi, floor);
	spi.Execute("DROP TABLE txsync." + name);
	spi.Execute("DELETE FROM txsync.mutation_rest WHERE txsync.mutation_day(transaction_id) < " + floor +
				" AND claimed_at < " + CutOff());
}

// Ids without a time; true if there may be more.
bool
DeleteUntimed()
{
	pg::Spi spi;
	uint64_t rows = spi.Execute("DELETE FROM txsync.mutation_other WHERE ctid = ANY (ARRAY(SELECT ctid FROM "
								"txsync.mutation_other WHERE claimed_at < " +
								CutOff() + " LIMIT " + kBatch + "))");
	return rows > 0;
}

} // namespace

void
LedgerKeeper::Keep()
{
	TimestampTz now = GetCurrentTimestamp();
	if (now < due_)
		return;
	due_ = TimestampTzPlusMilliseconds(now, kMinuteMs);
	Transaction transaction;
	{
		pg::RoleScope as_owner(api::ExtensionOwner());
		MakeDays();
		DropDays();
	}
	transaction.Commit();
	if (now >= prune_due_)
		Prune();
}

// Ids without a time can only be told by when they were claimed, so all of them are looked at: once an hour.
void
LedgerKeeper::Prune()
{
	Transaction transaction;
	bool more = false;
	{
		pg::RoleScope as_owner(api::ExtensionOwner());
		more = DeleteUntimed();
	}
	transaction.Commit();
	if (more)
		due_ = 0;
	else
		prune_due_ = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), kHourMs);
}

} // namespace txsync::worker
