#pragma once
// What the current role may read of a tracked table.

#include "api/entity.h"

namespace txsync::api {

// The entity type as FindLockedEntity() gives it, if the role may read anything of its table: what it may not read is
// neither waited for nor locked.
std::shared_ptr<const Entity> FindReadable(std::string_view entity_type);

// Whether it may read versions.
bool MayReadVersions(const Entity &entity);

// Column by column. Its own privileges only: which rows it sees is for policies.
class Readable
{
public:
	explicit Readable(const Entity &entity);

	// Whether it may know that an entity of the type is there.
	bool HasId() const;

	bool HasOrganization() const;

	// Whether it may know whose mutation a change was; also where the table has no column that says it.
	bool HasTx() const;

	// Whether a change of the column may be told. Columns that are gone count as the table's.
	bool Tells(std::string_view column) const;

	// `t."a", t."b"`: the columns, for a table that goes by t, such that no user's code runs when they are written as
	// JSON: where it would, the value's text stands for it.
	const std::string &
	List() const
	{
		return list_;
	}

	std::vector<std::string> columns; // without tx, versions and hidden ones

private:
	bool MayRead(std::string_view column) const;

	void Add(Form_pg_attribute column);

	const Entity &entity_;
	bool all_;
	std::string list_;
};

} // namespace txsync::api
