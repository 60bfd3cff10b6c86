#include "api/target.h"

#include "api/errors.h"
#include "api/table.h"
#include "pg/memory.h"
#include "pg/trigger.h"

#include <algorithm>

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
}

namespace txsync::api {

namespace {

bool
IsGenerated(Form_pg_attribute attribute)
{
	return attribute->attgenerated != '\0' || attribute->attidentity == ATTRIBUTE_IDENTITY_ALWAYS;
}

// Why no op may set a column, or null.
const char *
ProtectionOf(Form_pg_attribute attribute, const core::Tracking &tracking)
{
	std::string_view name = NameStr(attribute->attname);
	if (name == pg::kTxColumn || name == pg::kVersionsColumn)
		return "it is txsync's";
	if (core::IsHidden(tracking, name))
		return "it is hidden";
	if (core::Names(tracking.id_columns, name))
		return "it names the entity";
	if (IsGenerated(attribute))
		return "it is generated";
	return nullptr;
}

// The type of what a list in a column of this type holds, or InvalidOid.
Oid
ItemType(Oid type)
{
	if (type == JSONBOID || type == JSONOID)
		return JSONBOID;
	return pg::Call([&] { return get_element_type(type); });
}

Column
Describe(Form_pg_attribute attribute, const core::Tracking &tracking, MemoryContext context)
{
	std::string name = NameStr(attribute->attname);
	std::string sql = pg::QuoteIdentifier(name.c_str());
	bool is_txsyncs = name == pg::kTxColumn || name == pg::kVersionsColumn;
	Column column{attribute->attnum,
				  name,
				  sql,
				  Input(attribute->atttypid, context),
				  std::nullopt,
				  false,
				  ProtectionOf(attribute, tracking),
				  core::Names(tracking.id_columns, name),
				  IsGenerated(attribute),
				  !is_txsyncs && !core::IsHidden(tracking, name),
				  Tellable(attribute->atttypid, "t." + sql) + " AS " + sql,
				  ToJson(attribute->atttypid, context, pg::IsSettled(attribute->atttypid))};
	if (Oid item = ItemType(column.input.Type()); OidIsValid(item))
		column.item.emplace(item, context);
	column.is_number = pg::Call([&] {
		char category = TYPCATEGORY_INVALID;
		bool preferred = false;
		get_type_category_preferred(column.input.Type(), &category, &preferred);
		return category == TYPCATEGORY_NUMERIC;
	});
	return column;
}

int
NumberIn(TupleDesc desc, const Column &column)
{
	auto is_it = [&](int number) {
		Form_pg_attribute attribute = TupleDescAttr(desc, number - 1);
		return !attribute->attisdropped && column.name == NameStr(attribute->attname);
	};
	if (column.number <= desc->natts && is_it(column.number))
		return column.number;
	for (int number = 1; number <= desc->natts; number++) {
		if (is_it(number))
			return number;
	}
	return 0;
}

} // namespace

std::optional<Datum>
Column::AsJson(TupleDesc desc, HeapTuple row)
{
	int at = NumberIn(desc, *this);
	bool null = true;
	Datum value = pg::Call([&] { return at == 0 ? 0 : heap_getattr(row, at, desc, &null); });
	if (null)
		return std::nullopt;
	// A trigger may have altered the table since.
	Oid its_type = TupleDescAttr(desc, at - 1)->atttypid;
	return its_type == to_json.Type() ? to_json(value) : ToJson(its_type, CurrentMemoryContext, false)(value);
}

Target::Target(std::shared_ptr<const Entity> its_entity)
	: entity(std::move(its_entity))
	, context_(pg::MakeContext(TopMemoryContext, "txsync target"))
{
	Table table(entity->relation, AccessShareLock);
	TupleDesc desc = RelationGetDescr(table.Rel());
	for (int i = 0; i < desc->natts; i++) {
		if (!TupleDescAttr(desc, i)->attisdropped)
			columns.push_back(Describe(TupleDescAttr(desc, i), entity->tracking, context_.get()));
	}
	is_settled = std::ranges::all_of(
		columns, [](const Column &column) { return pg::IsSettled(column.to_json.Type()) || !column.is_told; });
	for (const std::string &id : entity->tracking.id_columns) {
		table.RequireColumn(id);
		id_columns.push_back(Find(id));
	}
	// Triggers of partitions are not the root's.
	const TriggerDesc *triggers = table.Rel()->trigdesc;
	may_defer = table.Rel()->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
	for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++)
		may_defer = may_defer || triggers->triggers[i].tgdeferrable;
	has_row_security = table.Rel()->rd_rel->relrowsecurity;
}

Column *
Target::Find(std::string_view name)
{
	for (Column &column : columns) {
		if (column.name == name)
			return &column;
	}
	return nullptr;
}

Column &
Target::Settable(std::string_view name)
{
	Column *column = Find(name);
	if (column == nullptr)
		throw Fail(errors::kUnknownField,
				   "entity type " + Quoted(entity->tracking.entity_type) + " has no field " + Quoted(name),
				   {{"field", name}}, "Fields are the columns of its table.");
	if (column->protection != nullptr)
		throw Fail(errors::kProtectedField, "field " + Quoted(name) + " cannot be set: " + column->protection,
				   {{"field", name}}, "Leave it out of the op.");
	return *column;
}

namespace {

using Targets = std::unordered_map<Oid, std::shared_ptr<Target>>;

// Made at first use, for the life of the backend.
constinit Targets *targets = nullptr;

} // namespace

std::shared_ptr<Target>
TargetOf(std::string_view entity_type)
{
	if (targets == nullptr)
		targets = pg::Construct<Targets>(TopMemoryContext);
	std::shared_ptr<const Entity> entity = FindLockedEntity(entity_type);
	if (entity == nullptr)
		throw UnknownEntityType(entity_type);
	auto found = targets->find(entity->relation);
	if (found != targets->end() && found->second->entity == entity)
		return found->second;
	auto target = std::make_shared<Target>(entity);
	targets->insert_or_assign(entity->relation, target);
	return target;
}

} // namespace txsync::api
