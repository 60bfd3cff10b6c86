#pragma once
// What the publications that a subscriber names let through of one table: actions, rows and columns, by the server's
// own rules.

#include "core/change.h"
#include "pg/server.h"

extern "C" {
#include "nodes/bitmapset.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"
}

namespace txsync::decoder {

// Lives in the memory context that it was made in, and goes with it.
class Published
{
public:
	// Null if none of the publications has the table, or its root, in it. One that does not exist (any more, or yet)
	// has nothing in it. May ereport: to be called by pg::Call.
	static Published *Find(Relation relation, const List *names, MemoryContext context);

	bool Publishes(core::Action action) const;

	// Whether a column is in the list of one of the publications, if they have lists.
	bool Shows(AttrNumber column) const;

	// Whether the row passes the filter of one of the publications that publish this action. Values of the identity at
	// least.
	bool Matches(core::Action action, const Datum *values, const bool *nulls) const;

private:
	struct Part
	{
		bool actions[4];          // by core::Action, create to truncate
		ExprState *filter;        // null: all rows
		const Bitmapset *columns; // attribute numbers; null: all
	};

	void Add(Relation relation, Oid publication);
	void AddFilter(Part &part, Relation relation, Relation as, Datum stored);

	Part *parts_ = nullptr;
	int count_ = 0;
	EState *executor_ = nullptr;
	TupleTableSlot *slot_ = nullptr;
};

} // namespace txsync::decoder
