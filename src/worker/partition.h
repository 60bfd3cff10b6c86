#pragma once
// Activities into their table: many at once, past the executor.

#include "core/activity.h"
#include "pg/server.h"

extern "C" {
#include "executor/executor.h"
#include "access/heapam.h"
#include "utils/rel.h"
}

namespace txsync::worker {

// The partitions that the ids of one transaction need; those that are missing are made.
class Partition
{
public:
	Partition() = default;
	Partition(const Partition &) = delete;

	void Add(const core::Activity &activity, int64_t id, int64_t epoch);

	// Writes what is still in memory. Not called after an error: the transaction's end gives back all that is open.
	void Close();

private:
	static constexpr int kRows = 500;

	void Open(int64_t number);
	void Create(int64_t number, const std::string &name);
	void Flush();

	int64_t number_ = -1;
	Relation relation_ = nullptr;
	EState *executor_ = nullptr;
	ResultRelInfo *info_ = nullptr;
	BulkInsertState bulk_ = nullptr;
	TupleTableSlot *rows_[kRows] = {};
	int count_ = 0;
	core::Buffer json_;
};

} // namespace txsync::worker
