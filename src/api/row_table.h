#pragma once
// What the row trigger needs to know of its table, kept for the statement.

#include "core/tracking.h"
#include "pg/image.h"
#include "pg/trigger.h"

extern "C" {
#include "access/htup_details.h"
}

namespace txsync::api {

struct Attribute
{
	int number = 0; // 0: the table has none
	pg::Layout layout;
};

// A column whose changes are versions.
struct VersionedColumn
{
	Attribute attribute;
	uint32_t field = 0; // 0: it was never given a number
};

// Plain data, in the memory of the statement.
struct RowTable
{
	Oid root; // the tracked table: this one, or what this one is a partition of
	const char *entity_type;
	Attribute tx;
	Attribute versions;
	Attribute org;
	Oid org_output = InvalidOid;  // of its type
	bool org_settled = true;      // reads the same in every session
	bool org_in_identity = false; // an old row in the WAL has it
	bool org_is_made = false;     // generated, after the triggers: what an update makes of it is not known here
	Attribute ids[INDEX_MAX_KEYS];
	Oid id_outputs[INDEX_MAX_KEYS];
	int id_count = 0;
	bool ids_settled = true;
	bool ids_in_identity = true; // which track() asks for, but who owns the table may change
	bool logged = false;         // changes of it are decoded
	VersionedColumn *columns = nullptr;
	int column_count = 0;
};

// A column by its name.
Attribute Find(TupleDesc desc, std::string_view name);

// The table of a trigger's call.
const RowTable &RowTableOf(FunctionCallInfo fcinfo, const TriggerData &data);

// Whether the organization that a change takes the entity from must be told in a message.
inline bool
MustTellOrganization(const RowTable &table)
{
	return table.org.number > 0 && !table.org_in_identity;
}

// A column's value, in memory and decompressed.
struct Value
{
	Datum datum = 0;
	bool null = true;
};

Value Fetch(HeapTuple row, TupleDesc desc, Attribute attribute);
bool SameValue(TupleDesc desc, Attribute attribute, HeapTuple before, HeapTuple after);
bool SameKey(const RowTable &table, TupleDesc desc, HeapTuple before, HeapTuple after);

// The id of the entity as text, and its organization, as the decoder writes them; that is nothing where it is null.
std::string EntityId(const RowTable &table, TupleDesc desc, HeapTuple row);
std::optional<std::string> Organization(const RowTable &table, TupleDesc desc, HeapTuple row);

} // namespace txsync::api
