#include "api/row_table.h"

#include "core/json.h"
#include "pg/root.h"
#include "pg/settings.h"

extern "C" {
#include "access/detoast.h"
#include "access/sysattr.h"
#include "catalog/catalog.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace txsync::api {

Attribute
Find(TupleDesc desc, std::string_view name)
{
	for (int i = 0; i < desc->natts; i++) {
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		if (!attribute->attisdropped && name == NameStr(attribute->attname))
			return {attribute->attnum, {attribute->attlen, attribute->attbyval}};
	}
	return {};
}

namespace {

Attribute
FindOfType(TupleDesc desc, std::string_view name, Oid type)
{
	Attribute attribute = Find(desc, name);
	bool fits = attribute.number > 0 && TupleDescAttr(desc, attribute.number - 1)->atttypid == type;
	return fits ? attribute : Attribute();
}

Oid
OutputOf(TupleDesc desc, Attribute attribute)
{
	return pg::Call([&] {
		Oid output = InvalidOid;
		bool varlena = false;
		getTypeOutputInfo(TupleDescAttr(desc, attribute.number - 1)->atttypid, &output, &varlena);
		return output;
	});
}

bool
IsSettled(TupleDesc desc, Attribute attribute)
{
	Oid type = TupleDescAttr(desc, attribute.number - 1)->atttypid;
	return pg::IsSettled(type) || pg::IsSettled(pg::Call([&] { return getBaseType(type); }));
}

bool
InIdentity(Relation relation, Attribute attribute)
{
	if (relation->rd_rel->relreplident == REPLICA_IDENTITY_FULL)
		return true;
	const Bitmapset *identity =
		pg::Call([&] { return RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_IDENTITY_KEY); });
	return bms_is_member(attribute.number - FirstLowInvalidHeapAttributeNumber, identity);
}

void
DescribeOrg(RowTable &table, Relation relation, const core::Tracking &tracking)
{
	TupleDesc desc = RelationGetDescr(relation);
	if (!tracking.org_column.empty())
		table.org = Find(desc, tracking.org_column);
	if (table.org.number == 0)
		return;
	table.org_in_identity = InIdentity(relation, table.org);
	table.org_is_made = TupleDescAttr(desc, table.org.number - 1)->attgenerated != '\0';
	table.org_output = OutputOf(desc, table.org);
	table.org_settled = IsSettled(desc, table.org);
}

void
DescribeIds(RowTable &table, Relation relation, const core::Tracking &tracking)
{
	TupleDesc desc = RelationGetDescr(relation);
	for (const std::string &id : tracking.id_columns) {
		Attribute attribute = Find(desc, id);
		if (attribute.number == 0 || table.id_count == INDEX_MAX_KEYS)
			continue;
		table.id_outputs[table.id_count] = OutputOf(desc, attribute);
		table.ids_settled = table.ids_settled && IsSettled(desc, attribute);
		table.ids[table.id_count++] = attribute;
		table.ids_in_identity = table.ids_in_identity && InIdentity(relation, attribute);
	}
}

// Columns in the order of their fields' numbers, which versions are fastest with.
void
DescribeColumns(RowTable &table, TupleDesc desc, const core::Tracking &tracking, MemoryContext memory)
{
	table.columns = static_cast<VersionedColumn *>(pg::Call([&] {
		return MemoryContextAlloc(memory, sizeof(VersionedColumn) * static_cast<size_t>(std::max(desc->natts, 1)));
	}));
	for (int i = 0; i < desc->natts; i++) {
		Form_pg_attribute column = TupleDescAttr(desc, i);
		std::string_view name = NameStr(column->attname);
		if (column->attisdropped || column->attgenerated != '\0' || column->attnum == table.tx.number ||
			column->attnum == table.versions.number || core::Names(tracking.id_columns, name) ||
			core::IsBookkeeping(tracking, name))
			continue;
		table.columns[table.column_count++] = {{column->attnum, {column->attlen, column->attbyval}},
											   core::NumberOf(tracking, name)};
	}
	std::sort(table.columns, table.columns + table.column_count,
			  [](const VersionedColumn &a, const VersionedColumn &b) { return a.field < b.field; });
}

RowTable
Describe(const TriggerData &data, MemoryContext memory)
{
	Relation relation = data.tg_relation;
	TupleDesc desc = RelationGetDescr(relation);
	std::optional<core::Tracking> tracking = core::ParseTracking(pg::Arguments(*data.tg_trigger));
	if (!tracking)
		throw pg::Failure{ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
						  "the arguments of this trigger are not a tracking",
						  {},
						  "Use txsync.track() to create it."};
	RowTable table = {};
	table.root = pg::RootOf(relation);
	table.entity_type = pg::Call([&] { return MemoryContextStrdup(memory, tracking->entity_type.c_str()); });
	table.logged = pg::Call([&] { return RelationIsLogicallyLogged(relation); });
	if (tracking->tx)
		table.tx = FindOfType(desc, pg::kTxColumn, JSONBOID);
	if (table.tx.number > 0)
		table.versions = FindOfType(desc, pg::kVersionsColumn, BYTEAOID);
	DescribeOrg(table, relation, *tracking);
	DescribeIds(table, relation, *tracking);
	if (table.versions.number > 0)
		DescribeColumns(table, desc, *tracking, memory);
	return table;
}

std::string
Output(Oid function, Datum value)
{
	return pg::Call([&] { return OidOutputFunctionCall(function, value); });
}

} // namespace

const RowTable &
RowTableOf(FunctionCallInfo fcinfo, const TriggerData &data)
{
	if (fcinfo->flinfo->fn_extra == nullptr) {
		static_assert(std::is_trivially_destructible_v<RowTable>);
		MemoryContext memory = fcinfo->flinfo->fn_mcxt;
		auto *room = pg::Call([&] { return MemoryContextAlloc(memory, sizeof(RowTable)); });
		fcinfo->flinfo->fn_extra = new (room) RowTable(Describe(data, memory));
	}
	return *static_cast<const RowTable *>(fcinfo->flinfo->fn_extra);
}

Value
Fetch(HeapTuple row, TupleDesc desc, Attribute attribute)
{
	Value value;
	if (attribute.number == 0)
		return value;
	pg::Call([&] {
		value.datum = heap_getattr(row, attribute.number, desc, &value.null);
		if (!value.null && attribute.layout.length == -1)
			value.datum = PointerGetDatum(PG_DETOAST_DATUM_PACKED(value.datum));
	});
	return value;
}

bool
SameValue(TupleDesc desc, Attribute attribute, HeapTuple before, HeapTuple after)
{
	Value a = Fetch(before, desc, attribute);
	Value b = Fetch(after, desc, attribute);
	return a.null == b.null && (a.null || pg::Image(a.datum, attribute.layout) == pg::Image(b.datum, attribute.layout));
}

bool
SameKey(const RowTable &table, TupleDesc desc, HeapTuple before, HeapTuple after)
{
	return std::all_of(table.ids, table.ids + table.id_count,
					   [&](Attribute id) { return SameValue(desc, id, before, after); });
}

std::string
EntityId(const RowTable &table, TupleDesc desc, HeapTuple row)
{
	core::Buffer array;
	std::string only;
	pg::PinnedScope pinned(!table.ids_settled);
	for (int i = 0; i < table.id_count; i++) {
		Value id = Fetch(row, desc, table.ids[i]);
		only = id.null ? std::string() : Output(table.id_outputs[i], id.datum);
		array.Append(i == 0 ? '[' : ',');
		core::json::String(array, only);
	}
	array.Append(']');
	return table.id_count == 1 ? only : std::string(array.View());
}

std::optional<std::string>
Organization(const RowTable &table, TupleDesc desc, HeapTuple row)
{
	Value org = Fetch(row, desc, table.org);
	pg::PinnedScope pinned(!org.null && !table.org_settled);
	return org.null ? std::nullopt : std::optional<std::string>(Output(table.org_output, org.datum));
}

} // namespace txsync::api
