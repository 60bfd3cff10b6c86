#include "api/entity.h"

#include "api/errors.h"
#include "api/registry.h"
#include "api/table.h"
#include "api/tombstone.h"
#include "core/jsonb.h"
#include "pg/memory.h"
#include "pg/trigger.h"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
}

namespace txsync::api {

namespace {

// Entities that this backend has met. The server can register invalidation callbacks but not take them back, so this
// lives as long as the process.
struct Known
{
	std::unordered_map<std::string, std::shared_ptr<const Entity>> by_type;
	std::vector<Oid> stale; // relations whose entities are out of date
	bool all_stale = false;
};

constinit Known *known = nullptr;

void
Invalidate(Datum, Oid relation) noexcept
{
	if (!OidIsValid(relation) || known->stale.size() == known->stale.capacity())
		known->all_stale = true;
	else
		known->stale.push_back(relation);
}

Known &
TheKnown()
{
	if (known == nullptr) {
		known = pg::Construct<Known>(TopMemoryContext);
		known->stale.reserve(64);
		pg::Call([] { CacheRegisterRelcacheCallback(Invalidate, 0); });
	}
	auto is_stale = [](const auto &entry) {
		return known->all_stale ||
			   std::find(known->stale.begin(), known->stale.end(), entry.second->relation) != known->stale.end();
	};
	if (known->all_stale || !known->stale.empty()) {
		std::erase_if(known->by_type, is_stale);
		known->stale.clear();
		known->all_stale = false;
	}
	return *known;
}

// The column's value of a text. Without a type modifier: that would cut it to fit.
std::string
Cast(const std::string &text, Form_pg_attribute column)
{
	std::string type = pg::Call([&] {
		return format_type_extended(column->atttypid, -1, FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
	});
	return "(" + text + ")::" + type;
}

std::string
KeyCondition(const Table &table, const core::Tracking &tracking)
{
	std::string condition;
	for (size_t i = 0; i < tracking.id_columns.size(); i++) {
		const std::string &name = tracking.id_columns[i];
		table.RequireColumn(name);
		std::string text = "$1::pg_catalog.text";
		if (tracking.id_columns.size() > 1)
			text += "::pg_catalog.jsonb OPERATOR(pg_catalog.->>) " + std::to_string(i);
		condition += (i > 0 ? " AND t." : "t.") + pg::QuoteIdentifier(name.c_str()) + " = " + Cast(text, table.Column(name));
	}
	return condition;
}

// A value of the first row of the last result, detoasted; data() == nullptr for null.
std::string_view
Bytes(int column)
{
	return pg::Call([&]() -> std::string_view {
		bool null = true;
		Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &null);
		if (null)
			return {};
		auto *bytes = PG_DETOAST_DATUM(value);
		return {VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ};
	});
}

const char *
Clause(Lock lock)
{
	switch (lock) {
	case Lock::kUpdate:
		return " FOR NO KEY UPDATE OF t";
	case Lock::kDelete:
		return " FOR UPDATE OF t";
	case Lock::kNone:
		break;
	}
	return "";
}

// The columns that the caller may read, as SQL.
std::string
ReadableColumns(const Entity &entity)
{
	Table table(entity.relation, AccessShareLock);
	bool all = pg::Call([&] { return pg_class_aclcheck(entity.relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK; });
	std::string list;
	TupleDesc desc = RelationGetDescr(table.Rel());
	for (int i = 0; i < desc->natts; i++) {
		Form_pg_attribute column = TupleDescAttr(desc, i);
		std::string_view name = NameStr(column->attname);
		if (column->attisdropped || name == pg::kTxColumn || name == pg::kVersionsColumn ||
			core::IsHidden(entity.tracking, name))
			continue;
		bool may = all || pg::Call([&] {
					   return pg_attribute_aclcheck(entity.relation, column->attnum, GetUserId(), ACL_SELECT) ==
							  ACLCHECK_OK;
				   });
		if (may)
			list += (list.empty() ? "t." : ", t.") + pg::QuoteIdentifier(NameStr(column->attname));
	}
	return list;
}

} // namespace

Entity::Entity(Oid oid, core::Tracking its_tracking)
	: relation(oid)
	, tracking(std::move(its_tracking))
{
	Table open(oid, AccessShareLock);
	table = open.Sql();
	key = KeyCondition(open, tracking);
}

Entity::~Entity()
{
	for (auto &[sql, plan] : plans_) {
		if (plan != nullptr)
			SPI_freeplan(plan);
	}
}

pg::Spi::Parameter
TextParameter(std::string_view text)
{
	return {TEXTOID, pg::Call([&] {
				return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
			})};
}

std::shared_ptr<const Entity>
EntityOf(std::string_view entity_type)
{
	std::string type(entity_type);
	Known &entities = TheKnown();
	if (auto at = entities.by_type.find(type); at != entities.by_type.end())
		return at->second;
	std::optional<Tracked> tracked = TrackedAs(entity_type);
	if (!tracked)
		throw Fail(errors::kUnknownEntityType, "there is no entity type " + Quoted(entity_type),
				   {{"entityType", entity_type}}, "txsync.entities lists those that there are.");
	auto entity = std::make_shared<const Entity>(tracked->relation, std::move(tracked->tracking));
	TheKnown().by_type[type] = entity;
	return entity;
}

uint32_t
FieldOf(const Entity &entity, std::string_view field)
{
	uint32_t number = core::NumberOf(entity.tracking, field);
	if (number == 0 || core::Names(entity.tracking.id_columns, field) || core::IsBookkeeping(entity.tracking, field))
		throw Fail(errors::kUnknownField,
				   "entity type " + Quoted(entity.tracking.entity_type) + " has no field " + Quoted(field),
				   {{"entityType", entity.tracking.entity_type}, {"field", field}},
				   "Fields are columns other than the id, bookkeeping and generated ones.");
	return number;
}

void
RequireVersions(const Entity &entity)
{
	if (!entity.tracking.tx)
		throw pg::Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						  "entity type " + Quoted(entity.tracking.entity_type) + " has no versions",
						  "Its table is tracked without a tx column.",
						  "SELECT txsync.track(" + pg::QuoteLiteral(entity.table) + ", tx => true);"};
}

State
Read(const Entity &entity, std::string_view entity_id, Lock lock)
{
	RequireVersions(entity);
	std::string sql = "SELECT t.tx, t.tx_versions FROM " + entity.table + " t WHERE " + entity.key + Clause(lock);
	pg::Spi::Parameter id[] = {TextParameter(entity_id)};
	State state;
	pg::Spi spi;
	state.exists = spi.Execute(entity.Plan(sql), sql.c_str(), id) > 0;
	if (!state.exists) {
		state.tombstone = TombstoneOf(entity.tracking.entity_type, entity_id);
		return state;
	}
	std::string_view versions = Bytes(2);
	state.has_versions = versions.data() != nullptr && core::Versions::Parse(versions).has_value();
	core::Tx tx;
	if (state.has_versions)
		state.versions = versions;
	else if (std::string_view jsonb = Bytes(1); jsonb.data() != nullptr && core::ReadTx(jsonb, tx) == nullptr)
		state.creator = tx.transaction_id;
	return state;
}

core::Versions
VersionsOf(core::Buffer &store, const State &state)
{
	if (state.has_versions)
		return *core::Versions::Parse(state.versions);
	return core::Versions::Fresh(store, state.creator.empty() ? std::string_view() : state.creator,
								 core::TimeOf(state.creator));
}

std::optional<Datum>
ReadData(const Entity &entity, std::string_view entity_id)
{
	std::string columns = ReadableColumns(entity);
	if (columns.empty())
		return std::nullopt;
	std::string sql =
		"SELECT pg_catalog.to_jsonb(r) FROM (SELECT " + columns + " FROM " + entity.table + " t WHERE " + entity.key + ") r";
	pg::Spi::Parameter id[] = {TextParameter(entity_id)};
	pg::Spi spi;
	if (spi.Execute(entity.Plan(sql), sql.c_str(), id) == 0)
		return std::nullopt;
	return pg::Call([&] {
		bool null = true;
		return SPI_datumTransfer(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null), false, -1);
	});
}

JsonbValue *
DescribeVersions(const Entity &entity, const State &state)
{
	core::Buffer store;
	core::Versions versions = VersionsOf(store, state);
	std::string creator = versions.Creator();
	auto known = [](const std::string &id) { return id.empty() ? std::string_view() : std::string_view(id); };
	JsonObject fields;
	for (const core::Field &field : entity.tracking.fields) {
		std::optional<core::Versions::Version> version = versions.Find(field.number);
		if ((!version && creator.empty()) || core::Names(entity.tracking.id_columns, field.column) ||
			core::IsBookkeeping(entity.tracking, field.column) || core::IsHidden(entity.tracking, field.column))
			continue;
		fields.Text(field.column, known(version ? version->id : creator));
	}
	JsonObject described;
	described.Text("last", known(versions.Last()));
	described.Integer("rowVersion", static_cast<int64_t>(versions.RowVersion()));
	described.Json("fields", fields.End());
	return described.End();
}

} // namespace txsync::api
