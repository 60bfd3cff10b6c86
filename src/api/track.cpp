// track() and untrack(): what a table must be to be tracked, and what it gets.

#include "api/arguments.h"
#include "api/attach.h"
#include "api/registry.h"
#include "core/jsonb.h"
#include "pg/compat.h"
#include "pg/entry.h"
#include "pg/spi.h"
#include "pg/trigger.h"

extern "C" {
#include "access/genam.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "nodes/bitmapset.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/regproc.h"
}

namespace txsync::api {

namespace {

constexpr size_t kMaxEntityType = 128; // bytes

using pg::Failure;

std::string
Quoted(std::string_view name)
{
	return "\"" + std::string(name) + "\"";
}

bool
Contains(const std::vector<std::string> &names, const std::string &name)
{
	return std::find(names.begin(), names.end(), name) != names.end();
}

// A table that is held open; its lock is kept until the transaction ends.
class Table
{
public:
	Table(Oid oid, LOCKMODE lock)
		: relation_(pg::Call([&] { return relation_open(oid, lock); }))
		, name_(pg::QualifiedName(oid))
	{}
	Table(const Table &) = delete;
	~Table()
	{
		relation_close(relation_, NoLock);
	}

	Relation
	Rel() const
	{
		return relation_;
	}

	Oid
	Id() const
	{
		return RelationGetRelid(relation_);
	}

	// For messages: bare and quoted; for statements: with its schema.
	std::string
	Label() const
	{
		return Quoted(RelationGetRelationName(relation_));
	}

	const std::string &
	Sql() const
	{
		return name_;
	}

	Form_pg_attribute
	Column(std::string_view name) const
	{
		TupleDesc desc = RelationGetDescr(relation_);
		for (int i = 0; i < desc->natts; i++) {
			Form_pg_attribute attribute = TupleDescAttr(desc, i);
			if (!attribute->attisdropped && name == NameStr(attribute->attname))
				return attribute;
		}
		return nullptr;
	}

	void
	RequireColumn(std::string_view name) const
	{
		if (Column(name) == nullptr)
			throw Failure{ERRCODE_UNDEFINED_COLUMN,
						  "column " + Quoted(name) + " of table " + Label() + " does not exist"};
	}

private:
	Relation relation_;
	std::string name_;
};

void
RequireOwner(const Table &table)
{
	if (!pg::Call([&] { return pg::OwnsRelation(table.Id(), GetUserId()); }))
		throw Failure{ERRCODE_INSUFFICIENT_PRIVILEGE,
					  "must be owner of table " + Quoted(RelationGetRelationName(table.Rel()))};
}

// ---- What kind of table

void
RequireOrdinaryTable(const Table &table)
{
	char kind = table.Rel()->rd_rel->relkind;
	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		throw Failure{ERRCODE_WRONG_OBJECT_TYPE, table.Label() + " is not a table",
					  "Only tables and partitioned tables have the WAL and the row triggers that tracking needs."};
	if (pg::Call([&] { return IsCatalogRelation(table.Rel()) || IsToastRelation(table.Rel()); }))
		throw Failure{ERRCODE_WRONG_OBJECT_TYPE, table.Label() + " is a system table"};
	if (table.Rel()->rd_rel->relispartition) {
		std::string root = pg::QualifiedName(pg::Call([&] {
			List *ancestors = get_partition_ancestors(table.Id());
			return llast_oid(ancestors);
		}));
		throw Failure{ERRCODE_WRONG_OBJECT_TYPE, table.Label() + " is a partition",
					  "Partitioned tables are tracked by their root.",
					  "SELECT txsync.track(" + pg::QuoteLiteral(root) + ");"};
	}
}

void
RequireLogged(const Table &table)
{
	char persistence = table.Rel()->rd_rel->relpersistence;
	if (persistence == RELPERSISTENCE_TEMP)
		throw Failure{ERRCODE_WRONG_OBJECT_TYPE, table.Label() + " is a temporary table",
					  "Its changes are not in the WAL."};
	if (persistence == RELPERSISTENCE_UNLOGGED)
		throw Failure{ERRCODE_WRONG_OBJECT_TYPE, table.Label() + " is an unlogged table",
					  "Its changes are not in the WAL.", "ALTER TABLE " + table.Sql() + " SET LOGGED;"};
	if (table.Rel()->rd_rel->relkind == RELKIND_FOREIGN_TABLE)
		throw Failure{ERRCODE_WRONG_OBJECT_TYPE, table.Label() + " is a foreign table",
					  "Its changes are not in the WAL."};
}

// ---- The replica identity

struct ColumnSet
{
	bool everything = false;
	const Bitmapset *members = nullptr; // offset by FirstLowInvalidHeapAttributeNumber

	bool
	Has(Form_pg_attribute column) const
	{
		return everything || bms_is_member(column->attnum - FirstLowInvalidHeapAttributeNumber, members);
	}
};

ColumnSet
IdentityOf(const Table &table)
{
	if (table.Rel()->rd_rel->relreplident == REPLICA_IDENTITY_FULL)
		return {true, nullptr};
	return {false, pg::Call([&] { return RelationGetIndexAttrBitmap(table.Rel(), INDEX_ATTR_BITMAP_IDENTITY_KEY); })};
}

// A delete's WAL has only the replica identity, so the id must be in it.
void
RequireIdInIdentity(const Table &table, const core::Tracking &tracking)
{
	ColumnSet identity = IdentityOf(table);
	for (const std::string &id : tracking.id_columns) {
		Form_pg_attribute column = table.Column(id);
		if (column != nullptr && identity.Has(column))
			continue;
		bool key_suffices = pg::Call([&] {
			const Bitmapset *key = RelationGetIndexAttrBitmap(table.Rel(), INDEX_ATTR_BITMAP_PRIMARY_KEY);
			return column != nullptr && bms_is_member(column->attnum - FirstLowInvalidHeapAttributeNumber, key);
		});
		throw Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					  "id column " + Quoted(id) + " is not in the replica identity of table " + table.Label(),
					  "The WAL of a delete would not tell which entity it was.",
					  "ALTER TABLE " + table.Sql() + " REPLICA IDENTITY " + (key_suffices ? "DEFAULT;" : "FULL;")};
	}
}

// What a table and each of its partitions must be.
void
RequireDecodable(const Table &root, const core::Tracking &tracking)
{
	struct Members
	{
		Oid *oids;
		int count;
	};
	Members members = pg::Call([&] {
		List *all = find_all_inheritors(root.Id(), AccessShareLock, nullptr);
		Members list = {static_cast<Oid *>(palloc(sizeof(Oid) * static_cast<size_t>(list_length(all)))),
						list_length(all)};
		for (int i = 0; i < list.count; i++)
			list.oids[i] = list_nth_oid(all, i);
		return list;
	});
	bool partitioned = root.Rel()->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
	for (int i = 0; i < (partitioned ? members.count : 1); i++) {
		Table member(members.oids[i], AccessShareLock);
		RequireLogged(member);
		if (member.Rel()->rd_rel->relkind == RELKIND_RELATION)
			RequireIdInIdentity(member, tracking);
	}
}

// ---- Columns: given, or found

std::vector<std::string>
PrimaryKey(const Table &table)
{
	struct Key
	{
		AttrNumber columns[INDEX_MAX_KEYS];
		int count;
	};
	Key key = pg::Call([&] {
		Key found = {};
		list_free(RelationGetIndexList(table.Rel()));
		if (!OidIsValid(table.Rel()->rd_pkindex))
			return found;
		Relation index = index_open(table.Rel()->rd_pkindex, AccessShareLock);
		for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); i++)
			found.columns[found.count++] = index->rd_index->indkey.values[i];
		index_close(index, AccessShareLock);
		return found;
	});
	std::vector<std::string> names;
	for (int i = 0; i < key.count; i++)
		names.emplace_back(NameStr(TupleDescAttr(RelationGetDescr(table.Rel()), key.columns[i] - 1)->attname));
	return names;
}

void
RequireNotNull(const Table &table, const std::string &column)
{
	if (!table.Column(column)->attnotnull)
		throw Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					  "id column " + Quoted(column) + " of table " + table.Label() + " may be null",
					  "An entity without an id has no name.",
					  "ALTER TABLE " + table.Sql() + " ALTER COLUMN " + pg::QuoteIdentifier(column.c_str()) +
						  " SET NOT NULL;"};
}

std::vector<std::string>
IdColumns(const Table &table, FunctionCallInfo fcinfo, int i)
{
	std::vector<std::string> ids;
	if (!PG_ARGISNULL(i))
		ids.push_back(NameArgument(fcinfo, i));
	else
		ids = PrimaryKey(table);
	if (ids.empty())
		throw Failure{
			ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "table " + table.Label() + " has no primary key",
			"Its rows have no name that a delete could tell. A unique column can be named instead: id_column.",
			"ALTER TABLE " + table.Sql() + " ADD PRIMARY KEY (...);"};
	for (const std::string &id : ids) {
		table.RequireColumn(id);
		RequireNotNull(table, id);
	}
	return ids;
}

std::string
OrgColumn(const Table &table, FunctionCallInfo fcinfo, int i)
{
	if (!PG_ARGISNULL(i)) {
		std::string column = NameArgument(fcinfo, i);
		if (!column.empty())
			table.RequireColumn(column);
		return column;
	}
	for (const char *usual : {"organization_id", "org_id", "tenant_id"}) {
		if (table.Column(usual) != nullptr)
			return usual;
	}
	return {};
}

std::vector<std::string>
Columns(const Table &table, FunctionCallInfo fcinfo, int i)
{
	std::vector<std::string> names = NamesArgument(fcinfo, i);
	for (const std::string &name : names)
		table.RequireColumn(name);
	return names;
}

// ---- The other arguments

std::string
EntityType(const Table &table, FunctionCallInfo fcinfo, int i)
{
	std::string type = PG_ARGISNULL(i) ? std::string(RelationGetRelationName(table.Rel())) : TextArgument(fcinfo, i);
	if (type.empty() || type.size() > kMaxEntityType)
		throw Failure{ERRCODE_INVALID_PARAMETER_VALUE, "an entity type must have 1 to 128 bytes"};
	Oid holder = RelationOf(type);
	if (OidIsValid(holder) && holder != table.Id())
		throw Failure{ERRCODE_DUPLICATE_OBJECT, "entity type " + Quoted(type) + " is taken",
					  "Table " + pg::QualifiedName(holder) + " is tracked under it.",
					  "SELECT txsync.track(" + pg::QuoteLiteral(table.Sql()) + ", entity_type => " +
						  pg::QuoteLiteral(table.Sql()) + ");"};
	return type;
}

// `{"column": "lww" | "manual"}`; returns the columns with lww, since manual is what all others have.
std::vector<std::string>
Strategies(const Table &table, FunctionCallInfo fcinfo, int i)
{
	core::JsonbContainer object(JsonbArgument(fcinfo, i));
	if (!object.IsObject())
		throw Failure{ERRCODE_INVALID_PARAMETER_VALUE, "strategies must be an object of column names and strategies"};
	std::vector<std::string> lww;
	auto keys = object.First();
	auto values = object.Values();
	for (uint32_t at = 0; at < object.Count(); at++) {
		std::string_view column = keys.Next().bytes;
		core::JsonbEntry strategy = values.Next();
		table.RequireColumn(column);
		if (strategy.kind == core::JsonbEntry::Kind::kString && strategy.bytes == "lww")
			lww.emplace_back(column);
		else if (strategy.kind != core::JsonbEntry::Kind::kString || strategy.bytes != "manual")
			throw Failure{ERRCODE_INVALID_PARAMETER_VALUE,
						  "column " + Quoted(column) + " has an unknown strategy",
						  {},
						  "Choose one of: manual, lww."};
	}
	return lww;
}

bool
NotifyFull(FunctionCallInfo fcinfo, int i)
{
	std::string notify = TextArgument(fcinfo, i);
	if (notify != "none" && notify != "full")
		throw Failure{ERRCODE_INVALID_PARAMETER_VALUE,
					  "notify has the value " + Quoted(notify),
					  {},
					  "Choose one of: none, full."};
	return notify == "full";
}

std::string
DeleteVisible(FunctionCallInfo fcinfo, int i)
{
	Oid function = PG_GETARG_OID(i);
	bool fits = pg::Call([&] {
		Oid *arguments = nullptr;
		int count = 0;
		return get_func_rettype(function) == BOOLOID &&
			   (get_func_signature(function, &arguments, &count), count == 2) && arguments[0] == TEXTOID &&
			   arguments[1] == TEXTOID;
	});
	if (!fits)
		throw Failure{ERRCODE_INVALID_FUNCTION_DEFINITION,
					  "delete_visible must be a function (entity_id text, org_id text) returns boolean"};
	return pg::Call([&] { return format_procedure_qualified(function); });
}

// Columns whose part in the tracking excludes another.
void
RequireConsistent(const core::Tracking &tracking)
{
	auto refuse_hidden = [&](const std::string &column, const char *role) {
		if (Contains(tracking.hidden, column))
			throw Failure{ERRCODE_INVALID_PARAMETER_VALUE,
						  "column " + Quoted(column) + " is the " + role + " and cannot be hidden"};
	};
	for (const std::string &id : tracking.id_columns)
		refuse_hidden(id, "id");
	refuse_hidden(tracking.org_column, "organization");
	refuse_hidden("tx", "tx column");
}

core::Tracking
ReadTracking(const Table &table, FunctionCallInfo fcinfo)
{
	Require(fcinfo, 4, "tx");
	Require(fcinfo, 5, "hidden");
	Require(fcinfo, 7, "strategies");
	Require(fcinfo, 8, "notify");
	core::Tracking tracking;
	tracking.id_columns = IdColumns(table, fcinfo, 2);
	tracking.org_column = OrgColumn(table, fcinfo, 3);
	tracking.tx = PG_GETARG_BOOL(4);
	tracking.hidden = Columns(table, fcinfo, 5);
	if (!PG_ARGISNULL(6))
		tracking.bookkeeping = Columns(table, fcinfo, 6);
	tracking.lww = Strategies(table, fcinfo, 7);
	tracking.notify_full = NotifyFull(fcinfo, 8);
	if (!PG_ARGISNULL(9))
		tracking.delete_visible = DeleteVisible(fcinfo, 9);
	RequireConsistent(tracking);
	tracking.entity_type = EntityType(table, fcinfo, 1);
	return tracking;
}

// ---- What the table gets

void
Notice(const std::string &message, const std::string &hint = {})
{
	pg::Call([&] {
		ereport(NOTICE, (errmsg_internal("%s", message.c_str()), hint.empty() ? 0 : errhint("%s", hint.c_str())));
	});
}

// The tx column, if there is one that the trigger could not work with.
void
RequireTxColumn(const Table &table)
{
	Form_pg_attribute tx = table.Column("tx");
	if (tx == nullptr)
		return;
	if (tx->atttypid != JSONBOID)
		throw Failure{ERRCODE_DATATYPE_MISMATCH,
					  "column \"tx\" of table " + table.Label() + " is not of type jsonb",
					  {},
					  "ALTER TABLE " + table.Sql() + " RENAME COLUMN tx TO tx_old;"};
	if (tx->attgenerated != '\0')
		throw Failure{ERRCODE_WRONG_OBJECT_TYPE,
					  "column \"tx\" of table " + table.Label() + " is a generated column",
					  {},
					  "ALTER TABLE " + table.Sql() + " ALTER COLUMN tx DROP EXPRESSION;"};
	if (tx->attnotnull)
		throw Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					  "column \"tx\" of table " + table.Label() + " is marked not null",
					  "It is null wherever a write declares nothing.",
					  "ALTER TABLE " + table.Sql() + " ALTER COLUMN tx DROP NOT NULL;"};
}

// Another's trigger of our trigger's name would be replaced by ours.
void
RequireTriggerName(const Table &table)
{
	bool taken = pg::Call([&] { return OidIsValid(get_trigger_oid(table.Id(), pg::kRowTriggerName, true)); });
	if (taken && pg::FindRowTrigger(table.Rel()) == nullptr)
		throw Failure{
			ERRCODE_DUPLICATE_OBJECT,
			"table " + table.Label() + " has a trigger " + Quoted(pg::kRowTriggerName) + " that is not txsync's",
			{},
			std::string("ALTER TRIGGER ") + pg::kRowTriggerName + " ON " + table.Sql() + " RENAME TO zz_txsync_old;"};
}

// What keeps the changes from flowing yet: doctor()'s errors.
void
TellWhatIsMissing()
{
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	uint64_t count = spi.Execute("SELECT finding, remedy FROM txsync.doctor() WHERE severity = 'error'");
	for (uint64_t i = 0; i < count; i++) {
		auto text = [&](int column) {
			const char *value =
				pg::Call([&] { return SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, column); });
			return std::string(value != nullptr ? value : "");
		};
		Notice("still missing: " + text(1), text(2));
	}
}

Datum
EntityRow(Oid relation)
{
	pg::Spi spi;
	uint64_t count = spi.Execute("SELECT e FROM txsync.entities e WHERE e.relation = " + std::to_string(relation));
	if (count != 1)
		throw Failure{ERRCODE_INTERNAL_ERROR, "the table has not become an entity"};
	return pg::Call([&] {
		bool null = false;
		Datum row = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null);
		return SPI_datumTransfer(row, false, -1);
	});
}

// Adding a column needs the strongest lock; taking it at once avoids a deadlock on the way up.
LOCKMODE
LockFor(Oid relation, bool tx)
{
	bool adds = tx && pg::Call([&] { return get_attnum(relation, "tx") == InvalidAttrNumber; });
	return adds ? AccessExclusiveLock : ShareRowExclusiveLock;
}

// What track() found and decided while it held the table open, which it must not do while it alters it.
struct Decision
{
	core::Tracking tracking;
	std::string label;
	std::string sql;
	bool adds_column = false;
	bool adds_trigger = false;
	std::vector<std::string> unhidden = {}; // hidden until now
};

Decision
Decide(FunctionCallInfo fcinfo, Oid oid)
{
	Table table(oid, LockFor(oid, !PG_ARGISNULL(4) && PG_GETARG_BOOL(4)));
	RequireOrdinaryTable(table);
	RequireOwner(table);
	RequireLogged(table);
	Decision decision{ReadTracking(table, fcinfo), table.Label(), table.Sql()};
	RequireDecodable(table, decision.tracking);
	if (decision.tracking.tx)
		RequireTxColumn(table);
	RequireTriggerName(table);
	decision.adds_column = decision.tracking.tx && table.Column("tx") == nullptr;
	decision.adds_trigger = pg::FindRowTrigger(table.Rel()) == nullptr;
	if (std::optional<core::Tracking> before = TrackingOf(table.Rel())) {
		for (const std::string &column : before->hidden) {
			if (!Contains(decision.tracking.hidden, column))
				decision.unhidden.push_back(column);
		}
	}
	return decision;
}

Datum
Track(FunctionCallInfo fcinfo)
{
	Require(fcinfo, 0, "relation");
	Oid oid = PG_GETARG_OID(0);
	LockRegistry();
	Decision decision = Decide(fcinfo, oid);
	if (decision.adds_column)
		pg::Spi().Execute("ALTER TABLE " + decision.sql + " ADD COLUMN tx jsonb");
	Attach(oid, decision.tracking);
	if (decision.adds_column)
		Notice("added column \"tx\" to table " + decision.label);
	if (decision.adds_trigger)
		Notice("added trigger " + Quoted(pg::kRowTriggerName) + " to table " + decision.label);
	for (const std::string &column : decision.unhidden)
		Notice("column " + Quoted(column) + " of table " + decision.label + " is no longer hidden");
	TellWhatIsMissing();
	return EntityRow(oid);
}

void
Untrack(FunctionCallInfo fcinfo)
{
	Require(fcinfo, 0, "relation");
	Require(fcinfo, 1, "drop_columns");
	Oid oid = PG_GETARG_OID(0);
	LockRegistry();
	std::string sql;
	bool drops_column = false;
	{
		Table table(oid, PG_GETARG_BOOL(1) ? AccessExclusiveLock : ShareRowExclusiveLock);
		RequireOwner(table);
		std::optional<core::Tracking> tracking = TrackingOf(table.Rel());
		if (!tracking) {
			Notice("table " + table.Label() + " is not tracked, skipping");
			return;
		}
		sql = table.Sql();
		drops_column = PG_GETARG_BOOL(1) && tracking->tx && table.Column("tx") != nullptr;
	}
	Detach(oid);
	if (drops_column)
		pg::Spi().Execute("ALTER TABLE " + sql + " DROP COLUMN tx");
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(track);

PGDLLEXPORT Datum
track(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return Track(fcinfo); });
}

PG_FUNCTION_INFO_V1(untrack);

PGDLLEXPORT Datum
untrack(PG_FUNCTION_ARGS)
{
	pg::Entry([&] { Untrack(fcinfo); });
	PG_RETURN_VOID();
}

} // extern "C"

} // namespace txsync::api
