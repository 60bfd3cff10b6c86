#pragma once
// Activities into their table: many at once, past the executor.

#include "worker/indexes.h"

#include "core/activity.h"

#include <optional>

extern "C" {
#include "access/heapam.h"
}

namespace txsync::worker {

// The partitions that the ids of one transaction need; those that are missing are made.
class Partition
{
public:
	// Whether so many rows are to have a partition of their own, whose indexes are built when they are there: that is
	// several times faster. The more partitions there are the more it takes to make another.
	static bool IsBulk(uint64_t rows);

	// `bulk`: indexes of new partitions wait until all rows are there.
	explicit Partition(bool bulk)
		: bulk_(bulk)
	{}
	Partition(const Partition &) = delete;

	// The first id behind `id` whose partition is not there yet.
	static int64_t NextUnused(int64_t id);

	void Add(const core::Activity &activity, int64_t id, int64_t epoch);

	// Writes what is still in memory. Not called after an error: the transaction's end gives back all that is open.
	void Close();

private:
	static constexpr int kRows = 500;

	void Open(int64_t number);
	TupleTableSlot *NextRow();
	void Flush();

	bool bulk_;
	int64_t number_ = -1;
	bool attached_ = true;
	Relation relation_ = nullptr;
	EState *executor_ = nullptr;
	std::optional<Indexes> indexes_;
	BulkInsertState insert_ = nullptr;
	TupleTableSlot *rows_[kRows] = {};
	int count_ = 0;
};

} // namespace txsync::worker
