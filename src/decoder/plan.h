#pragma once
// What the decoder knows of one table: compiled once, used for every change until the table or its tracking changes.

#include "core/tracking.h"
#include "decoder/options.h"
#include "decoder/publication.h"
#include "decoder/values.h"
#include "pg/call.h"

#include <deque>
#include <optional>
#include <unordered_map>

extern "C" {
#include "utils/rel.h"
}

namespace txsync::decoder {

struct Column
{
	int index = 0;    // attribute number - 1
	std::string name; // UTF-8
	std::string key;  // `,"name":`, ready to be written
	const Type *type = nullptr;
	bool identity = false;    // in the old row's key
	bool bookkeeping = false; // not worth telling as changed
	bool changed = false;     // by the update that is being told
};

struct Plan
{
	Oid relation = InvalidOid;
	std::string entity_type;     // UTF-8
	std::vector<Column> columns; // that data shows
	std::vector<Column> unseen;  // hidden, or in no column list; row filters may look at them
	std::vector<Column> ids;     // in key order
	std::optional<Column> org;
	int tx_index = -1;           // of the tx column
	int versions_index = -1;     // of the column of versions
	bool trigger_ran = false;    // the row trigger fires for every write and keeps tx
	bool full_identity = false;  // an old row in the WAL is the whole row
	bool ids_in_identity = true; // an old row in the WAL says what its id was
	bool notify_full = false;    // tracked with notify => 'full'
	bool withheld = false;       // a hidden column is not where the tracking says: data must not be shown

	const Published *published = nullptr; // what the subscriber's publications let through; null: it names none
	MemoryContext memory = nullptr;       // of `published`

	// Room for the deformed rows of one change, and for the names of columns that it lists.
	std::vector<Datum> new_values, old_values;
	std::unique_ptr<bool[]> new_nulls, old_nulls;
	std::vector<std::string_view> changed, unchanged;
};

// The plans of one decoding session, by table. Follows the server's invalidations.
class Plans
{
public:
	Plans(Values &values, const Options &options, MemoryContext memory);
	Plans(const Plans &) = delete;
	~Plans();

	// Null if the table was not tracked at the change that is being decoded, or the subscriber does not want it.
	Plan *
	Of(Relation relation)
	{
		Oid oid = RelationGetRelid(relation);
		if (oid != last_oid_ || stale_) [[unlikely]]
			Find(relation);
		return last_;
	}

	// What the server's invalidation callbacks tell; InvalidOid: everything.
	void Invalidate(Oid relation) noexcept;

private:
	void Find(Relation relation);
	void Sweep();
	std::unique_ptr<Plan> Compile(Relation relation);
	static void Discard(Plan *plan);

	Values &values_;
	const Options &options_;
	MemoryContext memory_;
	std::unordered_map<Oid, std::unique_ptr<Plan>> plans_; // null: not tracked
	Oid last_oid_ = InvalidOid;
	Plan *last_ = nullptr;

	// Invalidations may come while a plan is in use, so they are noted and carried out at the next look-up.
	bool stale_ = false;
	bool all_stale_ = false;
	std::vector<Oid> stale_oids_;

	friend struct Invalidations;
	Plans *next_ = nullptr;
};

} // namespace txsync::decoder
