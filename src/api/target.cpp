#include "api/target.h"

#include "api/errors.h"
#include "api/table.h"
#include "pg/memory.h"
#include "pg/trigger.h"

extern "C" {
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
}

namespace txsync::api {

namespace {

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
	if (attribute->attgenerated != '\0' || attribute->attidentity == ATTRIBUTE_IDENTITY_ALWAYS)
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
				  !is_txsyncs && !core::IsHidden(tracking, name)};
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

} // namespace

Target::Target(Oid relation, const core::Tracking &tracking)
	: entity_type_(tracking.entity_type)
	, relation_(relation)
	, context_(pg::MakeContext(TopMemoryContext, "txsync target"))
{
	Table table(relation, AccessShareLock);
	sql_ = table.Sql();
	TupleDesc desc = RelationGetDescr(table.Rel());
	for (int i = 0; i < desc->natts; i++) {
		if (!TupleDescAttr(desc, i)->attisdropped)
			columns_.push_back(Describe(TupleDescAttr(desc, i), tracking, context_.get()));
	}
	for (const std::string &id : tracking.id_columns) {
		if (Find(id) == nullptr)
			table.RequireColumn(id);
		id_columns_.push_back(Find(id));
	}
	// Triggers of partitions are not the root's.
	const TriggerDesc *triggers = table.Rel()->trigdesc;
	may_defer_ =
		table.Rel()->rd_rel->relkind == RELKIND_PARTITIONED_TABLE || (triggers != nullptr && triggers->numtriggers > 1);
	row_security_ = table.Rel()->rd_rel->relrowsecurity;
}

Target::~Target()
{
	for (auto &[key, plan] : plans_) {
		if (plan != nullptr)
			SPI_freeplan(plan);
	}
}

Column *
Target::Find(std::string_view name)
{
	for (Column &column : columns_) {
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
		throw Fail(errors::kUnknownField, "entity type " + Quoted(entity_type_) + " has no field " + Quoted(name),
				   {{"field", name}});
	if (column->protection != nullptr)
		throw Fail(errors::kProtectedField, "field " + Quoted(name) + " cannot be set: " + column->protection,
				   {{"field", name}});
	return *column;
}

SPIPlanPtr &
Target::Plan(const std::string &key)
{
	return plans_[key];
}

// ---- All of them

class Targets
{
public:
	std::shared_ptr<Target>
	Get(Oid relation, const core::Tracking &tracking)
	{
		auto found = targets_.find(relation);
		if (found != targets_.end() && !found->second->stale_)
			return found->second;
		stale_meanwhile_ = false;
		auto target = std::make_shared<Target>(relation, tracking);
		target->stale_ = stale_meanwhile_;
		targets_.insert_or_assign(relation, target);
		return target;
	}

	void
	Forget(Oid relation) noexcept
	{
		stale_meanwhile_ = true;
		for (auto &[oid, target] : targets_) {
			if (!OidIsValid(relation) || oid == relation)
				target->stale_ = true;
		}
	}

private:
	std::unordered_map<Oid, std::shared_ptr<Target>> targets_;
	bool stale_meanwhile_ = false; // something was forgotten while a target was described
};

namespace {

// Made at first use, for the life of the backend.
constinit Targets *targets = nullptr;

void
OnRelationChange(Datum, Oid relation)
{
	targets->Forget(relation);
}

} // namespace

std::shared_ptr<Target>
TargetOf(Oid relation, const core::Tracking &tracking)
{
	if (targets == nullptr) {
		targets = pg::Construct<Targets>(TopMemoryContext);
		CacheRegisterRelcacheCallback(OnRelationChange, 0);
	}
	return targets->Get(relation, tracking);
}

} // namespace txsync::api
