#pragma once
// Entities as clients name them, by type and id: found, locked and read with the caller's own rights.

#include "api/entity_id.h"
#include "core/versions.h"

#include <memory>
#include <unordered_map>

namespace txsync::api {

// A tracked table, by its entity type.
class Entity
{
public:
	Entity(const Table &open, core::Tracking tracking);
	Entity(const Entity &) = delete;
	~Entity();

	// A kept plan of a statement on it, which may have a shorter name than its text; null at first.
	SPIPlanPtr &
	Plan(const std::string &name) const
	{
		return plans_[name];
	}

	// Clients may think of ever new forms of statements. Who holds it may go on with it; others are to get a new one.
	bool
	IsFull() const
	{
		return plans_.size() >= kMostPlans;
	}

	const Oid relation;
	const core::Tracking tracking;
	const std::string table; // with its schema, quoted
	const std::string rows; // the same for statements on its rows: those of tables that inherit from it are not its own
	const IdReader ids;
	std::vector<uint32_t> types; // of its columns, by their hashes in the catalog cache

private:
	static constexpr size_t kMostPlans = 200;

	mutable std::unordered_map<std::string, SPIPlanPtr> plans_;
};

// The table that is tracked as that, if there is one. Takes no lock.
std::optional<Oid> TableOf(std::string_view entity_type);

// Stays valid whatever happens to the table; a later call may give another one. Null if nothing is tracked as that.
// Whoever may do nothing with the table keeps no lock of it, and fails with 55P03 rather than wait for one.
std::shared_ptr<const Entity> FindEntity(std::string_view entity_type);

// The same, as it is once its table is locked against changes of its columns, until the transaction ends. Fails with
// 42501, before it is locked, for those who may do nothing with it.
std::shared_ptr<const Entity> FindLockedEntity(std::string_view entity_type);

// UNKNOWN_ENTITY_TYPE.
pg::Failure UnknownEntityType(std::string_view entity_type);

// Fails with UNKNOWN_ENTITY_TYPE.
std::shared_ptr<const Entity> EntityOf(std::string_view entity_type);

// The number of a field that has versions, or UNKNOWN_FIELD.
uint32_t FieldOf(const Entity &entity, std::string_view field);

// Whether it is a column that has versions.
bool HasVersions(const Entity &entity, std::string_view field);

// Fails for a table that is tracked without a tx column.
void RequireVersions(const Entity &entity);

// What is known of a row's last writes.
struct State
{
	bool exists = false;
	bool has_versions = false;
	std::string versions;                 // stored bytes
	std::string creator;                  // where there are no versions yet: the id of the tx, or empty
	std::optional<std::string> tombstone; // the id that deleted it
};

enum class Lock : uint8_t
{
	kNone,
	kUpdate,
	kDelete,
};

// Reads it, and locks the row until the transaction ends: the answer stays true. Under row security what was deleted is
// told only to whom the tracking's delete_visible says that it may be.
State Read(const Entity &entity, std::string_view entity_id, Lock lock);

// Whether it is there, or what deleted it: without versions, for those as well who may not read them.
State LookFor(const Entity &entity, std::string_view entity_id);

// A state's versions as a view. `store` and `state` must be left alone while it is used.
core::Versions VersionsOf(core::Buffer &store, const State &state);

pg::Spi::Parameter TextParameter(std::string_view text);

} // namespace txsync::api
