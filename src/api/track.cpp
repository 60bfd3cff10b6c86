// track() and untrack(): what a caller may say, and what a table gets.

#include "api/arguments.h"
#include "api/attach.h"
#include "api/registry.h"
#include "api/seats.h"
#include "api/table.h"
#include "core/jsonb.h"
#include "pg/entry.h"
#include "pg/trigger.h"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
}

namespace txsync::api {

namespace {

constexpr size_t kMaxEntityType = 128; // bytes

using pg::Failure;

// ---- What the caller says, or the table suggests

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
		RequireIdType(table, id);
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
	std::vector<std::string> distinct;
	for (const std::string &name : names) {
		table.RequireColumn(name);
		if (!core::Names(distinct, name))
			distinct.push_back(name);
	}
	return distinct;
}

std::string
EntityType(const Table &table, FunctionCallInfo fcinfo, int i)
{
	std::string type = PG_ARGISNULL(i) ? std::string(RelationGetRelationName(table.Rel())) : TextArgument(fcinfo, i);
	if (type.empty() || type.size() > kMaxEntityType)
		throw Failure{ERRCODE_INVALID_PARAMETER_VALUE, "an entity type must have 1 to 128 bytes"};
	std::optional<Tracked> holder = TrackedAs(type);
	if (holder && holder->relation != table.Id())
		throw Failure{ERRCODE_DUPLICATE_OBJECT, "entity type " + Quoted(type) + " is taken",
					  "Table " + pg::QualifiedName(holder->relation) + " is tracked under it.",
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
	for (const auto &[column, strategy] : object.Members()) {
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
		if (core::Names(tracking.hidden, column))
			throw Failure{ERRCODE_INVALID_PARAMETER_VALUE,
						  "column " + Quoted(column) + " is the " + role + " and cannot be hidden"};
	};
	for (const std::string &id : tracking.id_columns)
		refuse_hidden(id, "id");
	refuse_hidden(tracking.org_column, "organization");
	for (const std::string &column : tracking.lww) {
		if (core::Names(tracking.id_columns, column) || core::IsBookkeeping(tracking, column))
			throw Failure{ERRCODE_INVALID_PARAMETER_VALUE,
						  "column " + Quoted(column) + " has no versions and cannot have the strategy lww",
						  "It is an id or a bookkeeping column."};
	}
	refuse_hidden(pg::kTxColumn, "tx column");
	refuse_hidden(pg::kVersionsColumn, "column of versions");
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

// What keeps the table's changes from flowing yet: the errors that doctor() finds with it or with the server.
void
TellWhatIsMissing(Oid relation)
{
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	uint64_t count =
		spi.Execute("SELECT finding, remedy FROM txsync.findings() WHERE severity = 'error' AND (scope = 'server' OR "
					"relation = " +
					std::to_string(relation) + ") ORDER BY rank, finding");
	for (uint64_t i = 0; i < count; i++) {
		auto text = [&](int column) {
			const char *value =
				pg::Call([&] { return SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, column); });
			return std::string(value != nullptr ? value : "");
		};
		Notice("still missing: " + text(1), text(2));
	}
}

void
TellWhenCaptureIsNotOn(const std::string &label)
{
	SeatState state = SeatState::kFree;
	if (HaveSeats())
		WithSeat(MyDatabaseId, [&](Seat &seat) { state = seat.state; });
	if (state != SeatState::kStreaming)
		Notice(std::string("capture is ") + NameOf(state) + ": changes of table " + label +
			   " are not in the changelog yet");
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

// The columns that a table with tx has.
struct OwnColumn
{
	const char *name;
	const char *type;
	const char *comment;
};

constexpr OwnColumn kOwnColumns[] = {
	{pg::kTxColumn, "jsonb", "txsync: the mutation that has written the row last, if one was declared."},
	{pg::kVersionsColumn, "bytea",
	 "txsync: what the row knows of its own history. Kept by the row trigger; txsync.field_versions() tells it."}};

// Adding a column needs the strongest lock; taking it at once avoids a deadlock on the way up.
LOCKMODE
LockFor(Oid relation, bool tx)
{
	bool adds = tx && std::any_of(std::begin(kOwnColumns), std::end(kOwnColumns), [&](auto &column) {
					return pg::Call([&] { return get_attnum(relation, column.name) == InvalidAttrNumber; });
				});
	return adds ? AccessExclusiveLock : ShareRowExclusiveLock;
}

// What track() found and decided while it held the table open, which it must not do while it alters it.
struct Decision
{
	core::Tracking tracking;
	std::string label;
	std::string sql;
	bool adds_trigger = false;
	std::vector<OwnColumn> columns = {};    // to be added
	std::vector<std::string> unhidden = {}; // hidden until now
};

Decision
Decide(FunctionCallInfo fcinfo, Oid oid)
{
	Table table(oid, LockFor(oid, !PG_ARGISNULL(4) && PG_GETARG_BOOL(4)));
	RequireOwnTable(oid);
	RequireNoPartition(table);
	RequireLogged(table);
	Decision decision{ReadTracking(table, fcinfo), table.Label(), table.Sql()};
	RequireDecodable(table, decision.tracking);
	if (decision.tracking.tx)
		RequireTxColumns(table);
	RequireTriggerName(table);
	for (const OwnColumn &column : kOwnColumns) {
		if (decision.tracking.tx && table.Column(column.name) == nullptr)
			decision.columns.push_back(column);
	}
	decision.adds_trigger = pg::FindRowTrigger(table.Rel()) == nullptr;
	if (std::optional<core::Tracking> before = TrackingOf(table.Rel())) {
		decision.tracking.fields = before->fields;
		decision.tracking.last_field = before->last_field;
		TupleDesc desc = RelationGetDescr(table.Rel());
		for (int i = 0; i < desc->natts; i++) {
			std::string column = NameStr(TupleDescAttr(desc, i)->attname);
			if (core::IsHidden(*before, column) && !core::IsHidden(decision.tracking, column))
				decision.unhidden.push_back(column);
		}
	}
	core::NumberFields(decision.tracking, VersionedColumns(table));
	return decision;
}

void
Add(const OwnColumn &column, const std::string &table)
{
	pg::Spi spi;
	spi.Execute("ALTER TABLE " + table + " ADD COLUMN " + column.name + " " + column.type);
	spi.Execute("COMMENT ON COLUMN " + table + "." + column.name + " IS " + pg::QuoteLiteral(column.comment));
}

Datum
Track(FunctionCallInfo fcinfo)
{
	Require(fcinfo, 0, "relation");
	Oid oid = PG_GETARG_OID(0);
	RequireOwnTable(oid);
	LockRegistry();
	Decision decision = Decide(fcinfo, oid);
	for (const OwnColumn &column : decision.columns)
		Add(column, decision.sql);
	Attach(oid, decision.tracking);
	for (const OwnColumn &column : decision.columns)
		Notice("added column " + Quoted(column.name) + " to table " + decision.label);
	if (decision.adds_trigger)
		Notice("added trigger " + Quoted(pg::kRowTriggerName) + " to table " + decision.label);
	for (const std::string &column : decision.unhidden)
		Notice("column " + Quoted(column) + " of table " + decision.label + " is no longer hidden");
	TellWhatIsMissing(oid);
	TellWhenCaptureIsNotOn(decision.label);
	return EntityRow(oid);
}

void
Untrack(FunctionCallInfo fcinfo)
{
	Require(fcinfo, 0, "relation");
	Require(fcinfo, 1, "drop_columns");
	Oid oid = PG_GETARG_OID(0);
	RequireOwnTable(oid);
	LockRegistry();
	std::string sql;
	std::vector<std::string> drops;
	{
		Table table(oid, PG_GETARG_BOOL(1) ? AccessExclusiveLock : ShareRowExclusiveLock);
		RequireOwnTable(oid);
		std::optional<core::Tracking> tracking = TrackingOf(table.Rel());
		if (!tracking) {
			Notice("table " + table.Label() + " is not tracked, skipping");
			return;
		}
		sql = table.Sql();
		for (const OwnColumn &column : kOwnColumns) {
			if (PG_GETARG_BOOL(1) && tracking->tx && table.Column(column.name) != nullptr)
				drops.emplace_back(column.name);
		}
	}
	Detach(oid);
	for (const std::string &name : drops)
		pg::Spi().Execute("ALTER TABLE " + sql + " DROP COLUMN " + name);
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
