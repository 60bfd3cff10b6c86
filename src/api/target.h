#pragma once
// A tracked table as ops see it, and the statements that they run on it: described and planned once per backend, and
// forgotten when the table changes.

#include "api/value.h"
#include "core/tracking.h"

#include <memory>
#include <unordered_map>

namespace txsync::api {

struct Column
{
	AttrNumber number;
	std::string name;
	std::string sql; // quoted
	Input input;
	std::optional<Input> item; // of an element, where the column is a list
	bool is_number;
	const char *protection; // why no op may set it, or null
	bool is_id;
	bool is_told; // to clients, if they may read it
};

struct DeleteContext
{
	void
	operator()(MemoryContext context) const
	{
		MemoryContextDelete(context);
	}
};
using OwnContext = std::unique_ptr<MemoryContextData, DeleteContext>;

class Target
{
public:
	Target(Oid relation, const core::Tracking &tracking);
	Target(const Target &) = delete;
	~Target();

	// Fails with UNKNOWN_FIELD, or for a column that no op may set.
	Column &Settable(std::string_view name);

	// Null if there is none.
	Column *Find(std::string_view name);

	std::vector<Column> &
	Columns()
	{
		return columns_;
	}

	// In the order of the key.
	const std::vector<Column *> &
	IdColumns() const
	{
		return id_columns_;
	}

	// The plan for what `key` stands for: null until it is made.
	SPIPlanPtr &Plan(const std::string &key);

	Oid
	Relation() const
	{
		return relation_;
	}

	const std::string &
	Sql() const
	{
		return sql_;
	}

	// Whether a row's write may leave something to be checked at the transaction's end.
	bool
	MayDefer() const
	{
		return may_defer_;
	}

	bool
	HasRowSecurity() const
	{
		return row_security_;
	}

private:
	friend class Targets;

	std::string entity_type_;
	std::string sql_;
	Oid relation_;
	std::vector<Column> columns_;
	std::vector<Column *> id_columns_;
	bool may_defer_ = false;
	bool row_security_ = false;
	bool stale_ = false;
	OwnContext context_;
	std::unordered_map<std::string, SPIPlanPtr> plans_;
};

// To be held while it is used.
std::shared_ptr<Target> TargetOf(Oid relation, const core::Tracking &tracking);

} // namespace txsync::api
