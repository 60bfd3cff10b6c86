#include "api/partition_rewrite.h"

#include "api/activity_partition.h"
#include "api/activity_scan.h"
#include "api/attach.h"
#include "api/patience.h"
#include "pg/memory.h"
#include "pg/spi.h"

#include <algorithm>

extern "C" {
#include "access/heapam.h"
#include "access/table.h"
#include "access/tupconvert.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/partition.h"
#include "commands/tablespace.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace txsync::api {

namespace {

// Smaller ones are not worth it.
constexpr int64_t kBytes = int64_t{1} << 20;

// Of a full one the rows take about half, the indexes the rest. It is sparse with less than half of that.
constexpr int64_t kSparse = 4;

// Blocks that are read in a turn: a quarter of a millisecond.
constexpr BlockNumber kBlocks = 8;

// How often the swap is tried: to copy all of it again costs more.
constexpr int kSwapAttempts = 3 * kAttempts;

// And how long that is not done again where it came to nothing: it was killed or out of space, or somebody was in the
// way. Twice as long each time, up to ten days.
constexpr const char *kPause = "interval '1 hour' * pg_catalog.power(2, least(pg_catalog.count(*), 8))";

constexpr const char *kSuffix = "_new";
constexpr const char *kConstraint = "ids";

// Frozen: so every snapshot that is younger than the deletes sees the same in both tables, on standbys, too. The copy
// is not there for anybody before all of it is committed. And no plugin is told of it.
constexpr int kInsert = HEAP_INSERT_SKIP_FSM | HEAP_INSERT_FROZEN | HEAP_INSERT_NO_LOGICAL;

// Rows from one table into another, for one turn.
class Copy
{
public:
	Copy(Oid from, Oid to);
	Copy(const Copy &) = delete;

	void Add(HeapTuple row);

	// Not called after an error: the transaction's end gives back all that is open.
	void Close();

private:
	MemoryContext memory_ = pg::MakeContext(CurrentMemoryContext, "txsync copy");
	MemoryContext scratch_ = pg::MakeContext(memory_, "txsync copied row");
	Relation from_, to_;
	TupleConversionMap *map_;
};

Copy::Copy(Oid from, Oid to)
{
	pg::ContextScope scope(memory_);
	pg::Call([&] {
		from_ = table_open(from, AccessShareLock);
		to_ = table_open(to, RowExclusiveLock);
		map_ = convert_tuples_by_name(RelationGetDescr(from_), RelationGetDescr(to_));
	});
}

void
Copy::Add(HeapTuple row)
{
	pg::ContextScope scope(scratch_);
	pg::Call([&] {
		HeapTuple copy = map_ != nullptr ? execute_attr_map_tuple(row, map_) : heap_copytuple(row);
		heap_insert(to_, copy, GetCurrentCommandId(true), kInsert, nullptr);
		MemoryContextReset(scratch_);
	});
}

void
Copy::Close()
{
	pg::Call([&] {
		table_close(to_, NoLock);
		table_close(from_, NoLock);
		MemoryContextDelete(memory_);
	});
}

constexpr const char *kBegun = "REWRITE_BEGUN";
constexpr const char *kFailed = "REWRITE_FAILED";

// In sync_log, unless it says so already.
void
Note(const char *status, const char *code, const std::string &table, const std::string &message)
{
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	std::string text = message.empty() ? "NULL" : pg::QuoteLiteral(message);
	spi.Execute(std::string("INSERT INTO txsync.sync_log (sync_type, status, code, error_message, detail) SELECT "
							"'compaction', '") +
				status + "', '" + code + "', " + text + ", pg_catalog.jsonb_build_object('table', '" + table +
				"', 'oid', " + std::to_string(OwnTable(table.c_str())) + ") WHERE " + text + " IS NULL OR " + text +
				" IS DISTINCT FROM (SELECT l.error_message FROM txsync.sync_log l WHERE l.code IN ('" + kBegun +
				"', '" + kFailed + "') ORDER BY l.id DESC LIMIT 1)");
}

void
NoteObstacle(const std::string &table, const std::string &what, const Outcome &outcome)
{
	Note("WARNING", kFailed, table, "table \"" + table + "\" " + what + ": " + outcome.obstacle);
}

// The notes that it was. What has been replaced is another table.
std::string
Beginnings(const ActivityPartition &partition)
{
	return std::string("SELECT FROM txsync.sync_log WHERE code = '") + kBegun + "' AND detail ->> 'oid' = '" +
		   std::to_string(partition.relation) + "'";
}

class Rewriting
{
public:
	Rewriting(const std::vector<ActivityPartition> &partitions, Turns &turns)
		: partitions_(partitions)
		, turns_(turns)
		, name_(First().Name() + kSuffix)
	{}

	std::optional<int64_t> Do();

private:
	const ActivityPartition &
	First() const
	{
		return partitions_.front();
	}
	const ActivityPartition &
	Last() const
	{
		return partitions_.back();
	}

	bool IsPutOff() const;
	bool MayBegin(TransactionId next) const;
	void NoteBeginning();
	Oid Create();
	void CopyRows(Oid from, Oid to);
	Oid OwnIndex(Oid of_all) const;
	void CreateIndexes();
	Outcome Replace();

	const std::vector<ActivityPartition> &partitions_;
	Turns &turns_;
	std::string name_;
};

bool
Rewriting::IsPutOff() const
{
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	return spi.Execute(Beginnings(Last()) + " HAVING pg_catalog.max(created_at) > pg_catalog.now() - " + kPause) > 0;
}

// Nobody may see what is not copied. And a vacuum takes so long that it would be there at the end, too.
bool
Rewriting::MayBegin(TransactionId next) const
{
	return std::all_of(partitions_.begin(), partitions_.end(), [&](const ActivityPartition &partition) {
		return EverybodySees(partition, next) &&
			   pg::Call([&] { return ConditionalLockRelationOid(partition.relation, ShareUpdateExclusiveLock); });
	});
}

void
Rewriting::NoteBeginning()
{
	turns_.Next();
	Note("OK", kBegun, Last().Name(), {});
}

// Where the first one's table is.
Oid
Rewriting::Create()
{
	turns_.Next();
	pg::RoleScope as_owner(ExtensionOwner());
	pg::SettingsScope settings;
	const char *place = pg::Call([&] { return get_tablespace_name(get_rel_tablespace(First().relation)); });
	settings.Set("default_tablespace", place != nullptr ? place : "");
	CreateActivityTable(name_);
	pg::Spi spi;
	spi.Execute("ALTER TABLE txsync." + name_ + " ADD CONSTRAINT " + kConstraint +
				" CHECK (id >= " + std::to_string(First().ids.first) + " AND id <= " + std::to_string(Last().ids.last) +
				"), SET (autovacuum_enabled = off)"); // it would be in the way of the swap
	return OwnTable(name_.c_str());
}

void
Rewriting::CopyRows(Oid from, Oid to)
{
	BlockNumber blocks = ActivityScan::BlocksOf(from);
	for (BlockNumber at = 0; at < blocks; at += kBlocks) {
		turns_.Next();
		ActivityScan scan(from, AccessShareLock, at, kBlocks);
		Copy copy(from, to);
		while (scan.Next()) {
			pg::CheckForInterrupts();
			copy.Add(scan.Tuple());
		}
		copy.Close();
		scan.Close();
	}
}

// The first one's of an index of all; if somebody has dropped it, that.
Oid
Rewriting::OwnIndex(Oid of_all) const
{
	Oid own = pg::Call([&] {
		Relation partition = table_open(First().relation, AccessShareLock);
		Oid index = index_get_partition(partition, of_all);
		table_close(partition, AccessShareLock);
		return index;
	});
	return OidIsValid(own) ? own : of_all;
}

// Each in a turn, which is the longest one: a table of millions of rows takes seconds. Parallel workers are for others.
void
Rewriting::CreateIndexes()
{
	for (Oid index : IndexesOfActivity(ActivityIndexes::kAll)) {
		turns_.Next();
		pg::RoleScope as_owner(ExtensionOwner());
		pg::SettingsScope settings;
		settings.Set("max_parallel_maintenance_workers", "0");
		settings.Set("default_tablespace", "");
		CreateIndexLike(OwnIndex(index), name_);
	}
	turns_.Next();
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	spi.Execute("ANALYZE txsync." + name_);
}

// A commit that drops a table waits for the disk: what is behind it is there before its locks are.
Outcome
Rewriting::Replace()
{
	pg::Call([] { XLogFlush(XactLastCommitEnd); });
	return ReplacePartitions(partitions_, name_, kConstraint);
}

std::optional<int64_t>
Rewriting::Do()
{
	turns_.Next();
	TransactionId next = ReadNextTransactionId();
	if (IsPutOff() || !Patiently(turns_, kAttempts, [&] { return MayBegin(next); }))
		return {};
	NoteBeginning();
	Oid table = Create();
	for (const ActivityPartition &partition : partitions_)
		CopyRows(partition.relation, table);
	CreateIndexes();
	Outcome outcome = Patiently(turns_, kSwapAttempts, [&] { return Replace(); });
	if (outcome)
		return outcome.bytes;
	DropActivityTable(name_);
	NoteObstacle(Last().Name(), "is not replaced by what was copied of it", outcome);
	return {};
}

std::optional<std::string>
FindUnfinished()
{
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	uint64_t count =
		spi.Execute(std::string("SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_depend d ON "
								"d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid "
								"AND d.deptype = 'e' WHERE c.relnamespace = "
								"'txsync'::pg_catalog.regnamespace AND c.relkind = 'r' AND c.relname ~ "
								"'^activity_[0-9]+") +
					kSuffix + "$' LIMIT 1");
	return count > 0 ? pg::Spi::Value(1) : std::nullopt;
}

} // namespace

bool
IsSparse(int64_t size, int64_t bytes)
{
	return size >= kBytes && bytes < size / kSparse;
}

bool
HasFailed(const ActivityPartition &partition)
{
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	return spi.Execute(Beginnings(partition)) > 0;
}

std::optional<int64_t>
Rewrite(const std::vector<ActivityPartition> &partitions, Turns &turns)
{
	return Rewriting(partitions, turns).Do();
}

bool
DropUnfinished(Turns &turns)
{
	turns.Next();
	while (std::optional<std::string> name = FindUnfinished()) {
		Outcome outcome = Patiently(turns, kAttempts, [&] { return DropActivityTable(*name); });
		if (!outcome) {
			NoteObstacle(*name, "is left of an earlier compaction and cannot be dropped", outcome);
			return false;
		}
	}
	return true;
}

} // namespace txsync::api
