#include "api/entity.h"

#include "api/arguments.h"
#include "api/attach.h"
#include "api/delete_visible.h"
#include "api/errors.h"
#include "api/privileges.h"
#include "api/readable.h"
#include "api/registry.h"
#include "api/tombstone.h"
#include "core/jsonb.h"
#include "core/nullable.h"
#include "pg/image.h"
#include "pg/memory.h"
#include "pg/trigger.h"

#include <algorithm>

extern "C" {
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace txsync::api {

namespace {

// Entities that this backend has met. The server can register invalidation callbacks but not take them back, so this
// lives as long as the process.
struct Known
{
	std::unordered_map<std::string, std::shared_ptr<const Entity>> by_type;
	std::unordered_map<std::string, Oid> tables; // by type, of those as well of which there is no more to be known
	std::vector<Oid> stale;                      // relations whose entities are out of date
	std::vector<uint32_t> stale_types;           // and types, by their hashes
	bool all_stale = false;

	bool
	IsStale(Oid table) const
	{
		return all_stale || std::ranges::find(stale, table) != stale.end();
	}

	bool
	IsStale(const Entity &entity) const
	{
		auto is_stale = [&](uint32_t type) { return std::ranges::find(stale_types, type) != stale_types.end(); };
		return IsStale(entity.relation) || std::ranges::any_of(entity.types, is_stale);
	}

	void
	Sweep()
	{
		std::erase_if(tables, [&](const auto &entry) { return IsStale(entry.second); });
		std::erase_if(by_type, [&](const auto &entry) { return IsStale(*entry.second); });
		stale.clear();
		stale_types.clear();
		all_stale = false;
	}
};

constinit Known *known = nullptr;

// How often something is looked at again that has changed meanwhile.
constexpr int kTries = 8;

// Nothing may be allocated in a callback: beyond the reserved room everything counts as stale.
template <class T>
void
Remember(std::vector<T> &list, T item) noexcept
{
	if (item == 0 || list.size() == list.capacity())
		known->all_stale = true;
	else
		list.push_back(item);
}

Known &
TheKnown()
{
	if (known == nullptr) {
		known = pg::Construct<Known>(TopMemoryContext);
		known->stale.reserve(64);
		known->stale_types.reserve(256);
		pg::Call([] {
			CacheRegisterRelcacheCallback([](Datum, Oid relation) { Remember(known->stale, relation); }, 0);
			// Statements name schemas, operators and types as well, and go by casts, of which no relcache tells.
			for (int cache : {NAMESPACEOID, OPEROID, CASTSOURCETARGET})
				CacheRegisterSyscacheCallback(
					cache, [](Datum, int, uint32) { known->all_stale = true; }, 0);
			CacheRegisterSyscacheCallback(
				TYPEOID, [](Datum, int, uint32 hash) { Remember(known->stale_types, hash); }, 0);
		});
	}
	if (known->all_stale || !known->stale.empty() || !known->stale_types.empty())
		known->Sweep();
	return *known;
}

// Under which a table is described: kept until the transaction ends by whoever may do anything with the table, for the
// scope and without waiting by others.
class DescribingLock
{
public:
	explicit DescribingLock(Oid table)
		: table_(table)
		, is_kept_(HasAnyOf(ACL_ALL_RIGHTS_RELATION, table))
	{
		bool has = pg::Call([&] {
			if (is_kept_)
				LockRelationOid(table_, AccessShareLock);
			return is_kept_ || ConditionalLockRelationOid(table_, AccessShareLock);
		});
		if (!has)
			throw pg::Failure{ERRCODE_LOCK_NOT_AVAILABLE, "could not obtain lock on table " + pg::QualifiedName(table)};
	}
	DescribingLock(const DescribingLock &) = delete;
	~DescribingLock()
	{
		if (!is_kept_ && std::uncaught_exceptions() == 0)
			UnlockRelationOid(table_, AccessShareLock);
	}

	bool
	IsThere() const
	{
		return pg::Call([&] { return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(table_)); });
	}

private:
	Oid table_;
	bool is_kept_;
};

// What is tracked may change until the table is locked, and then counts as it is.
std::shared_ptr<const Entity>
Build(std::string_view entity_type)
{
	for (int tries = 0; tries < kTries; tries++) {
		std::optional<Tracked> tracked = TrackedAs(entity_type);
		if (!tracked)
			break;
		DescribingLock lock(tracked->relation);
		if (!lock.IsThere())
			continue;
		Table open(tracked->relation, NoLock);
		std::optional<core::Tracking> tracking = TrackingOf(open.Rel());
		if (tracking && tracking->entity_type == entity_type)
			return std::make_shared<const Entity>(open, std::move(*tracking));
	}
	return nullptr;
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
		return pg::BytesOf(PG_DETOAST_DATUM(value));
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

} // namespace

Entity::Entity(const Table &open, core::Tracking its_tracking)
	: relation(open.Id())
	, tracking(std::move(its_tracking))
	, table(open.Sql())
	, rows(open.Rel()->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ? table : "ONLY " + table)
	, ids(open, tracking)
{
	TupleDesc desc = RelationGetDescr(open.Rel());
	for (int i = 0; i < desc->natts; i++) {
		Oid type = TupleDescAttr(desc, i)->atttypid;
		if (OidIsValid(type))
			types.push_back(pg::Call([&] { return GetSysCacheHashValue1(TYPEOID, ObjectIdGetDatum(type)); }));
	}
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
	return {TEXTOID, TextDatum(text)};
}

std::optional<Oid>
TableOf(std::string_view entity_type)
{
	std::string type(entity_type);
	Known &entities = TheKnown();
	if (auto at = entities.by_type.find(type); at != entities.by_type.end())
		return at->second->relation;
	if (auto at = entities.tables.find(type); at != entities.tables.end())
		return at->second;
	std::optional<Tracked> tracked = TrackedAs(entity_type);
	if (!tracked)
		return std::nullopt;
	return entities.tables[type] = tracked->relation;
}

std::shared_ptr<const Entity>
FindEntity(std::string_view entity_type)
{
	std::string type(entity_type);
	for (int tries = 0;; tries++) {
		Known &entities = TheKnown();
		if (auto at = entities.by_type.find(type); at != entities.by_type.end() && !at->second->IsFull())
			return at->second;
		std::shared_ptr<const Entity> entity = Build(entity_type);
		if (entity == nullptr)
			return nullptr;
		if (!entities.IsStale(*entity))
			return entities.by_type[type] = entity;
		if (tries == kTries) // true when it was built, and locked since; only not to be kept
			return entity;
	}
}

pg::Failure
UnknownEntityType(std::string_view entity_type)
{
	return Fail(errors::kUnknownEntityType, "there is no entity type " + Quoted(entity_type),
				{{"entityType", entity_type}},
				"txsync.entities lists those that there are; txsync.track() adds a table.");
}

std::shared_ptr<const Entity>
EntityOf(std::string_view entity_type)
{
	std::shared_ptr<const Entity> entity = FindEntity(entity_type);
	if (entity == nullptr)
		throw UnknownEntityType(entity_type);
	return entity;
}

std::shared_ptr<const Entity>
FindLockedEntity(std::string_view entity_type)
{
	if (std::optional<Oid> table = TableOf(entity_type); table && !HasAnyOf(ACL_ALL_RIGHTS_RELATION, *table)) {
		if (const char *name = pg::Call([&] { return get_rel_name(*table); }))
			throw pg::Failure{ERRCODE_INSUFFICIENT_PRIVILEGE, std::string("permission denied for table ") + name};
	}
	std::shared_ptr<const Entity> entity = FindEntity(entity_type);
	while (entity != nullptr) {
		pg::Call([&] { LockRelationOid(entity->relation, AccessShareLock); });
		std::shared_ptr<const Entity> locked = FindEntity(entity_type);
		if (locked == nullptr || locked->relation == entity->relation)
			return locked;
		entity = locked;
	}
	return nullptr;
}

bool
HasVersions(const Entity &entity, std::string_view field)
{
	return core::NumberOf(entity.tracking, field) != 0 && !core::Names(entity.tracking.id_columns, field) &&
		   !core::IsBookkeeping(entity.tracking, field);
}

uint32_t
FieldOf(const Entity &entity, std::string_view field)
{
	if (!HasVersions(entity, field))
		throw Fail(errors::kUnknownField,
				   "entity type " + Quoted(entity.tracking.entity_type) + " has no field " + Quoted(field),
				   {{"entityType", entity.tracking.entity_type}, {"field", field}},
				   "Fields are columns other than the id, bookkeeping and generated ones.");
	return core::NumberOf(entity.tracking, field);
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

namespace {

// Whether the caller may know of what was deleted, which no policy looks at any more.
bool
MayKnow(const Entity &entity, std::string_view entity_id, const Tombstone &tombstone)
{
	return !HoldsRowSecurity(entity) || DeleteVisible(entity).Tells(entity_id, tombstone.organization_id);
}

State
ReadColumns(const Entity &entity, std::string_view entity_id, const char *columns, Lock lock)
{
	RequireVersions(entity);
	std::string sql =
		std::string("SELECT ") + columns + " FROM " + entity.rows + " t WHERE " + entity.ids.Condition() + Clause(lock);
	EntityKey key = entity.ids.Read(entity_id);
	State state;
	pg::Spi spi;
	state.exists = spi.Execute(entity.Plan(sql), sql.c_str(), key.values) > 0;
	if (!state.exists) {
		std::optional<Tombstone> tombstone = TombstoneOf(entity.tracking.entity_type, key.id);
		if (tombstone && MayKnow(entity, key.id, *tombstone))
			state.tombstone = tombstone->transaction_id;
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

} // namespace

State
Read(const Entity &entity, std::string_view entity_id, Lock lock)
{
	return ReadColumns(entity, entity_id, "t.tx, t.tx_versions", lock);
}

State
LookFor(const Entity &entity, std::string_view entity_id)
{
	return ReadColumns(entity, entity_id, "NULL::pg_catalog.jsonb, NULL::pg_catalog.bytea", Lock::kNone);
}

core::Versions
VersionsOf(core::Buffer &store, const State &state)
{
	if (state.has_versions)
		return *core::Versions::Parse(state.versions);
	return core::Versions::Fresh(store, core::NullIfEmpty(state.creator), core::TimeOf(state.creator));
}

} // namespace txsync::api
