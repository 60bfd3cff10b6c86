#pragma once
// The columns of a tracked table as ops see them: described once per backend, until the table changes.

#include "api/entity.h"
#include "api/to_json.h"
#include "api/value.h"

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
	bool is_generated;    // by the server alone
	bool is_told;         // to clients, if they may read it
	std::string tellable; // `t.… AS …`, for RecordOf()
	ToJson to_json;

	// Its value in a row of the table or of a partition: jsonb, or nothing for null.
	std::optional<Datum> AsJson(TupleDesc desc, HeapTuple row);
};

class Target
{
public:
	explicit Target(std::shared_ptr<const Entity> its_entity);
	Target(const Target &) = delete;

	// Fails with UNKNOWN_FIELD, or PROTECTED_FIELD for one that no op may set.
	Column &Settable(std::string_view name);

	// Null if there is none.
	Column *Find(std::string_view name);

	const std::shared_ptr<const Entity> entity;
	std::vector<Column> columns;
	std::vector<Column *> id_columns; // in the order of the key
	bool may_defer = false;           // a write may leave something to be checked when the transaction ends
	bool has_row_security = false;
	bool is_settled; // no setting changes how its values read

private:
	struct DeleteContext
	{
		void
		operator()(MemoryContext context) const
		{
			MemoryContextDelete(context);
		}
	};

	std::unique_ptr<MemoryContextData, DeleteContext> context_;
};

// Fails with UNKNOWN_ENTITY_TYPE. To be held while it is used. The table is locked against changes of its columns until
// the transaction ends.
std::shared_ptr<Target> TargetOf(std::string_view entity_type);

} // namespace txsync::api
