#pragma once
// What an op expects of the row that it is about to write. The row trigger has that row before it, locked and as it is:
// asking it takes no statement of its own, and nothing can come in between.

#include "api/row_table.h"
#include "core/versions.h"
#include "pg/server.h"

extern "C" {
#include "access/htup.h"
#include "access/tupdesc.h"
#include "utils/fmgrprotos.h"
}

namespace txsync::api {

// Is looked for as long as it lives.
class RowCheck
{
public:
	explicit RowCheck(Oid relation)
		: relation_(relation)
		, depth_(TriggerDepth() + 1)
		, outer_(std::exchange(current, this))
	{}
	RowCheck(const RowCheck &) = delete;

	// The row as it is now. Throws what keeps it from being written.
	virtual void Look(const core::Versions &versions, const RowTable &table, TupleDesc desc, HeapTuple row) = 0;

	// A row that comes, without what the server generates.
	virtual void LookAtNew(const RowTable &table, TupleDesc desc, HeapTuple row) = 0;

	// For a row of a tracked table whose trigger is being called: null unless the op's own statement writes it, and no
	// other trigger's.
	static RowCheck *
	Of(Oid relation)
	{
		return current != nullptr && current->relation_ == relation && current->depth_ == TriggerDepth() ? current
																										 : nullptr;
	}

	// How many triggers run the statement that the row trigger is called for; 1: none but that one.
	static int
	TriggerDepth()
	{
		return DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, Datum(0)));
	}

protected:
	~RowCheck()
	{
		current = outer_;
	}

private:
	static inline constinit RowCheck *current = nullptr;

	Oid relation_;
	int depth_;
	RowCheck *outer_;
};

} // namespace txsync::api
