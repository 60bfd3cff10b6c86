#include "worker/partition.h"

#include "api/activity_partition.h"
#include "api/attach.h"
#include "pg/memory.h"
#include "pg/spi.h"
#include "worker/tuple.h"

extern "C" {
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
}

namespace txsync::worker {

namespace {

using api::kIdsPerPartition;

constexpr uint64_t kBulk = 20'000;
constexpr uint64_t kFewPartitions = 10;

Oid
Find(int64_t number)
{
	return api::OwnTable(api::NameOfPartition(number).c_str());
}

// Few rows are in these: to insert those costs less than to scan all rows for them later.
void
CreateRareIndexes(int64_t number)
{
	for (Oid index : api::IndexesOfActivity(api::ActivityIndexes::kRare))
		api::CreateIndexLike(index, api::NameOfPartition(number));
}

} // namespace

bool
Partition::IsBulk(uint64_t rows)
{
	if (rows < kBulk)
		return false;
	pg::Spi spi;
	spi.Execute("SELECT count(*) FROM pg_catalog.pg_inherits WHERE inhparent = 'txsync.activity'::regclass");
	return rows >= kBulk * (1 + std::stoull(*pg::Spi::Value(1)) / kFewPartitions);
}

int64_t
Partition::NextUnused(int64_t id)
{
	int64_t number = id / kIdsPerPartition;
	while (OidIsValid(Find(number)))
		number++;
	return std::max(id, number * kIdsPerPartition) + 1;
}

void
Partition::Add(const core::Activity &activity, int64_t id, int64_t epoch)
{
	int64_t number = (id - 1) / kIdsPerPartition;
	if (number != number_) {
		Close();
		Open(number);
	}
	{
		pg::ContextScope scope(GetPerTupleMemoryContext(executor_));
		Fill(NextRow(), activity, id, epoch);
	}
	if (count_ == kRows)
		Flush();
}

void
Partition::Open(int64_t number)
{
	attached_ = true;
	if (!OidIsValid(Find(number))) {
		api::CreateActivityTable(api::NameOfPartition(number));
		attached_ = !bulk_;
		if (attached_)
			api::AttachPartition(api::NameOfPartition(number), api::IdsOfPartition(number));
		else
			CreateRareIndexes(number);
	}
	Oid oid = Find(number);
	pg::Call([&] {
		relation_ = table_open(oid, RowExclusiveLock);
		executor_ = CreateExecutorState();
		insert_ = GetBulkInsertState();
	});
	if (RelationGetNumberOfAttributes(relation_) != kColumns)
		throw pg::Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						  "table \"" + api::NameOfPartition(number) +
							  "\" has other columns than this version of txsync writes"};
	indexes_.emplace(relation_, executor_);
	number_ = number;
}

TupleTableSlot *
Partition::NextRow()
{
	TupleTableSlot *&row = rows_[count_++];
	if (row == nullptr) {
		pg::ContextScope scope(executor_->es_query_cxt);
		row = pg::Call([&] { return MakeSingleTupleTableSlot(RelationGetDescr(relation_), &TTSOpsVirtual); });
	}
	return row;
}

void
Partition::Flush()
{
	pg::Call([&] {
		MemoryContext outer = MemoryContextSwitchTo(GetPerTupleMemoryContext(executor_));
		heap_multi_insert(relation_, rows_, count_, GetCurrentCommandId(true), 0, insert_);
		MemoryContextSwitchTo(outer);
		if (bulk_)
			XLogSetAsyncXactLSN(XactLastRecEnd); // wakes the WAL writer: little is left to flush at the end
	});
	for (int i = 0; i < count_; i++)
		indexes_->Add(rows_[i]);
	pg::Call([&] {
		for (int i = 0; i < count_; i++)
			ExecClearTuple(rows_[i]);
		ResetPerTupleExprContext(executor_);
	});
	count_ = 0;
}

void
Partition::Close()
{
	if (relation_ == nullptr)
		return;
	if (count_ > 0)
		Flush();
	indexes_->Close();
	indexes_.reset();
	pg::Call([&] {
		for (TupleTableSlot *&row : rows_) {
			if (row != nullptr)
				ExecDropSingleTupleTableSlot(row);
			row = nullptr;
		}
		FreeBulkInsertState(insert_);
		FreeExecutorState(executor_);
		table_close(relation_, NoLock);
		CommandCounterIncrement();
	});
	relation_ = nullptr;
	if (!attached_)
		api::AttachPartition(api::NameOfPartition(number_), api::IdsOfPartition(number_));
	number_ = -1;
}

} // namespace txsync::worker
