#pragma once
// The indexes of a table that rows are added to in bulk.

#include "core/buffer.h"
#include "pg/call.h"

#include <vector>

extern "C" {
#include "executor/executor.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"
}

namespace txsync::worker {

// Entries are kept back and then written in each index's own order: neighbours go to the same page.
class Indexes
{
public:
	Indexes(Relation table, EState *executor);
	Indexes(const Indexes &) = delete;

	// For a row that is in the table.
	void Add(TupleTableSlot *row);

	// Writes the entries that are kept. Not called after an error.
	void Close();

private:
	struct Entry
	{
		size_t key; // where its key begins among the keys
		size_t size;
		const Datum *values; // and behind them whether they are null
		ItemPointerData row;
	};

	struct Index
	{
		Relation relation;
		IndexInfo *info;
		ExprState *predicate;
		core::Buffer keys;
		std::vector<Entry> entries;
	};

	void Add(Index &index, TupleTableSlot *row);
	void AppendKey(Index &index, const Datum *values, const bool *nulls);
	void Write(Index &index);
	void Write();

	Relation table_;
	EState *executor_;
	MemoryContext memory_; // of values
	std::vector<std::unique_ptr<Index>> indexes_;
	size_t rows_ = 0;
};

} // namespace txsync::worker
