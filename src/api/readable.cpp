#include "api/readable.h"

#include "api/privileges.h"
#include "api/to_json.h"
#include "pg/trigger.h"

#include <algorithm>

extern "C" {
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
}

namespace txsync::api {

namespace {

bool
MayReadColumn(const Entity &entity, const char *column)
{
	AttrNumber number = pg::Call([&] { return get_attnum(entity.relation, column); });
	return number != InvalidAttrNumber && MaySelect(entity.relation, number);
}

// No statement may name a table in a schema without.
bool
MayUseSchemaOf(Oid table)
{
	return pg::Call([&] {
		Oid schema = get_rel_namespace(table);
		return OidIsValid(schema) && DatumGetBool(DirectFunctionCall2(has_schema_privilege_id, ObjectIdGetDatum(schema),
																	  CStringGetTextDatum("USAGE")));
	});
}

// Whether it may read anything of it.
bool
MayRead(Oid table)
{
	return HasAnyOf(ACL_SELECT, table) && MayUseSchemaOf(table);
}

} // namespace

std::shared_ptr<const Entity>
FindReadable(std::string_view entity_type)
{
	std::optional<Oid> table = TableOf(entity_type);
	if (!table || !MayRead(*table))
		return nullptr;
	std::shared_ptr<const Entity> entity = FindLockedEntity(entity_type);
	return entity != nullptr && MayRead(entity->relation) ? entity : nullptr;
}

bool
MayReadVersions(const Entity &entity)
{
	return MaySelect(entity.relation) ||
		   (MayReadColumn(entity, pg::kTxColumn) && MayReadColumn(entity, pg::kVersionsColumn));
}

Readable::Readable(const Entity &entity)
	: entity_(entity)
	, all_(MaySelect(entity.relation))
{
	Table table(entity.relation, AccessShareLock);
	TupleDesc desc = RelationGetDescr(table.Rel());
	for (int i = 0; i < desc->natts; i++) {
		Form_pg_attribute column = TupleDescAttr(desc, i);
		std::string name = NameStr(column->attname);
		if (!column->attisdropped && name != pg::kTxColumn && name != pg::kVersionsColumn &&
			!core::IsHidden(entity.tracking, name) && MayRead(name))
			Add(column);
	}
}

bool
Readable::HasId() const
{
	return std::ranges::all_of(entity_.tracking.id_columns, [&](const std::string &id) { return MayRead(id); });
}

bool
Readable::HasOrganization() const
{
	const std::string &organization = entity_.tracking.org_column;
	return !organization.empty() && MayRead(organization);
}

bool
Readable::HasTx() const
{
	return !entity_.tracking.tx || MayRead(pg::kTxColumn);
}

bool
Readable::Tells(std::string_view column) const
{
	return !core::IsHidden(entity_.tracking, column) && (all_ || core::Names(columns, column));
}

void
Readable::Add(Form_pg_attribute column)
{
	const char *name = NameStr(column->attname);
	columns.emplace_back(name);
	std::string sql = pg::QuoteIdentifier(name);
	list_ += (list_.empty() ? "" : ", ") + Tellable(column->atttypid, "t." + sql) + " AS " + sql;
}

bool
Readable::MayRead(std::string_view column) const
{
	return all_ || MayReadColumn(entity_, std::string(column).c_str());
}

} // namespace txsync::api
