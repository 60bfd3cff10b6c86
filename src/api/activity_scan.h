#pragma once
// Rows of the changelog past the executor: read a range of blocks at a time, no more of a row than is asked for, and
// deleted by their place. Indexes are vacuum's.

#include "core/compaction.h"
#include "pg/server.h"

#include <vector>

extern "C" {
#include "access/tableam.h"
}

namespace txsync::api {

class ActivityScan
{
public:
	// As the active snapshot sees it. A table that is gone, or ends before, has nothing.
	ActivityScan(Oid table, LOCKMODE lock, BlockNumber first, BlockNumber count);
	ActivityScan(const ActivityScan &) = delete;

	static BlockNumber BlocksOf(Oid table);

	// The next row: what follows is about this one.
	bool Next();

	int64_t Id();
	HeapTuple Tuple() const;

	// What it takes of its page, and out of line.
	int64_t Size() const;

	// With what Compaction decides by, when it AreTruncated(), or with all that it looks at. Valid until Next().
	const core::Compaction::Activity &Read();
	const core::Compaction::Activity &ReadAll();

	// Returns the row's size, or 0 if somebody else is at it.
	size_t Delete();

	// Not called after an error: the transaction's end gives back all that is open.
	void Close();

private:
	int64_t OutOfLine() const;
	const char *Value(int column);
	std::string_view Text(int column);
	void ReadKeys();
	const char *Aligned(const char *array);

	Relation table_ = nullptr;
	TableScanDesc scan_ = nullptr;
	TupleTableSlot *row_ = nullptr;
	core::Compaction::Activity activity_;
	std::vector<std::string_view> keys_;
	MemoryContext scratch_ = nullptr;
	alignas(MAXIMUM_ALIGNOF) char short_array_[VARATT_SHORT_MAX + VARHDRSZ];
};

} // namespace txsync::api
