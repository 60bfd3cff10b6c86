#include "worker/indexes.h"

#include "pg/compat.h"
#include "pg/image.h"
#include "pg/memory.h"

#include <algorithm>

extern "C" {
#include "access/genam.h"
#include "catalog/index.h"
#include "utils/datum.h"
#include "utils/memutils.h"
}

namespace txsync::worker {

namespace {

// So much is kept.
constexpr size_t kRows = 40000;
constexpr size_t kBytes = size_t{32} << 20;

} // namespace

Indexes::Indexes(Relation table, EState *executor)
	: table_(table)
	, executor_(executor)
	, memory_(pg::MakeContext(executor->es_query_cxt, "txsync index entries"))
{
	List *oids = pg::Call([&] { return RelationGetIndexList(table); });
	for (int i = 0; i < list_length(oids); i++) {
		auto index = std::make_unique<Index>();
		bool ready = pg::Call([&] {
			index->relation = index_open(list_nth_oid(oids, i), RowExclusiveLock);
			index->info = BuildIndexInfo(index->relation);
			index->predicate = ExecPrepareQual(index->info->ii_Predicate, executor);
			if (!index->info->ii_ReadyForInserts) // CREATE INDEX CONCURRENTLY is under way
				index_close(index->relation, NoLock);
			return index->info->ii_ReadyForInserts;
		});
		if (ready)
			indexes_.push_back(std::move(index));
	}
}

void
Indexes::Add(TupleTableSlot *row)
{
	GetPerTupleExprContext(executor_)->ecxt_scantuple = row;
	for (std::unique_ptr<Index> &index : indexes_)
		Add(*index, row);
	if (++rows_ == kRows || MemoryContextMemAllocated(memory_, false) > kBytes)
		Write();
}

void
Indexes::Add(Index &index, TupleTableSlot *row)
{
	auto count = static_cast<size_t>(index.info->ii_NumIndexAttrs);
	Datum *values = nullptr;
	bool *nulls = nullptr;
	bool holds = pg::Call([&] {
		if (!ExecQual(index.predicate, GetPerTupleExprContext(executor_)))
			return false;
		values = static_cast<Datum *>(MemoryContextAlloc(memory_, count * (sizeof(Datum) + sizeof(bool))));
		nulls = reinterpret_cast<bool *>(values + count);
		FormIndexDatum(index.info, row, executor_, values, nulls);
		MemoryContext outer = MemoryContextSwitchTo(memory_);
		for (size_t i = 0; i < count; i++) {
			Form_pg_attribute column = TupleDescAttr(RelationGetDescr(index.relation), static_cast<int>(i));
			if (!nulls[i])
				values[i] = datumCopy(values[i], column->attbyval, column->attlen);
		}
		MemoryContextSwitchTo(outer);
		return true;
	});
	if (!holds)
		return;
	size_t start = index.keys.Size();
	AppendKey(index, values, nulls);
	index.entries.push_back({start, index.keys.Size() - start, values, row->tts_tid});
}

// Bytes that sort much as the index does. That they sort the same is not needed.
void
Indexes::AppendKey(Index &index, const Datum *values, const bool *nulls)
{
	for (int i = 0; i < index.info->ii_NumIndexAttrs; i++) {
		Form_pg_attribute column = TupleDescAttr(RelationGetDescr(index.relation), i);
		if (nulls[i]) {
			index.keys.Append('\xFF');
		} else if (column->attbyval) {
			uint64_t number = pg_hton64(static_cast<uint64_t>(values[i]));
			index.keys.Append({reinterpret_cast<const char *>(&number), sizeof number});
		} else if (column->attlen == -1) {
			auto *value = reinterpret_cast<struct varlena *>(DatumGetPointer(values[i]));
			index.keys.Append(pg::BytesOf(value));
			index.keys.Append('\0');
		}
	}
}

void
Indexes::Write(Index &index)
{
	std::string_view keys = index.keys.View();
	auto before = [&](const Entry &a, const Entry &b) {
		return keys.substr(a.key, a.size) < keys.substr(b.key, b.size);
	};
	if (!std::is_sorted(index.entries.begin(), index.entries.end(), before))
		std::sort(index.entries.begin(), index.entries.end(), before);
	auto count = static_cast<size_t>(index.info->ii_NumIndexAttrs);
	IndexUniqueCheck check = index.relation->rd_index->indisunique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO;
	for (Entry &entry : index.entries) {
		pg::CheckForInterrupts();
		auto *values = const_cast<Datum *>(entry.values);
		auto *nulls = reinterpret_cast<bool *>(values + count);
		pg::Call([&] { index_insert(index.relation, values, nulls, &entry.row, table_, check, false, index.info); });
	}
	index.entries.clear();
	index.keys.Clear(SIZE_MAX);
}

void
Indexes::Write()
{
	pg::ContextScope scope(memory_);
	for (std::unique_ptr<Index> &index : indexes_)
		Write(*index);
	pg::Call([&] { MemoryContextReset(memory_); });
	rows_ = 0;
}

void
Indexes::Close()
{
	Write();
	for (std::unique_ptr<Index> &index : indexes_) {
		pg::Call([&] {
			pg::EndIndexInserts(index->relation, index->info);
			index_close(index->relation, NoLock);
		});
	}
}

} // namespace txsync::worker
