#include "api/keyed_table.h"

#include <exception>

extern "C" {
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/visibilitymap.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_collation.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
}

namespace txsync::api {

namespace {

// The fourth field of SQL's own advisory locks is 1 or 2.
constexpr uint16 kOurs = 0x7478;

// Whether it makes the key unique, and has all rows.
bool
IsOf(Relation index, std::span<const AttrNumber> key)
{
	const FormData_pg_index &form = *index->rd_index;
	if (!form.indisunique || !form.indisvalid || !form.indimmediate || RelationGetIndexPredicate(index) != NIL ||
		form.indnkeyatts != static_cast<int>(key.size()))
		return false;
	for (size_t i = 0; i < key.size(); i++) {
		if (form.indkey.values[i] != key[i])
			return false;
	}
	return true;
}

} // namespace

KeyedTable::KeyedTable(Oid oid, std::span<const AttrNumber> key, LOCKMODE lock)
	: table_(pg::Call([&] { return try_relation_open(oid, lock); }))
	, lock_(lock)
{
	if (table_ != nullptr)
		pg::Call([&] { OpenIndexes(key); });
}

// Nothing of C++ may be in its frame.
void
KeyedTable::OpenIndexes(std::span<const AttrNumber> key)
{
	List *oids = RelationGetIndexList(table_);
	for (int i = 0; i < list_length(oids); i++) {
		Relation index = index_open(list_nth_oid(oids, i), lock_);
		indexes_ = lappend(indexes_, index);
		if (index_ == nullptr && IsOf(index, key))
			index_ = index;
	}
	if (index_ == nullptr)
		elog(ERROR, "table \"%s\" has lost its index", RelationGetRelationName(table_));
}

KeyedTable::~KeyedTable()
{
	if (table_ == nullptr || std::uncaught_exceptions() > 0)
		return;
	LOCKMODE given_back = lock_ == AccessShareLock ? lock_ : NoLock;
	for (int i = 0; i < list_length(indexes_); i++)
		index_close(static_cast<Relation>(list_nth(indexes_, i)), given_back);
	relation_close(table_, given_back);
}

// Nothing of C++ may be in its frame.
IndexScanDesc
KeyedTable::Begin(std::span<const Datum> key, Snapshot snapshot, ScanKeyData *keys) const
{
	auto count = static_cast<int>(key.size());
	for (int i = 0; i < count; i++)
		ScanKeyEntryInitialize(&keys[i], 0, static_cast<AttrNumber>(i + 1), BTEqualStrategyNumber, TEXTOID,
							   C_COLLATION_OID, F_TEXTEQ, key[static_cast<size_t>(i)]);
	IndexScanDesc scan = pg::BeginIndexScan(table_, index_, snapshot, count);
	index_rescan(scan, keys, count, nullptr, 0);
	return scan;
}

// Calls f(slot) for the row if there is one: nothing of C++ may be in its frame.
template <class F>
bool
KeyedTable::Look(std::span<const Datum> key, Snapshot snapshot, F &&f) const
{
	return pg::Call([&] {
		ScanKeyData keys[INDEX_MAX_KEYS];
		IndexScanDesc scan = Begin(key, snapshot, keys);
		TupleTableSlot *slot = table_slot_create(table_, nullptr);
		bool found = index_getnext_slot(scan, ForwardScanDirection, slot);
		if (found)
			f(slot);
		index_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);
		return found;
	});
}

// Of a page that everybody sees the index alone will do.
bool
KeyedTable::Has(std::span<const Datum> key, Snapshot snapshot) const
{
	return pg::Call([&] {
		ScanKeyData keys[INDEX_MAX_KEYS];
		IndexScanDesc scan = Begin(key, snapshot, keys);
		scan->xs_want_itup = true; // keeps the index's page pinned, so that no row goes meanwhile
		TupleTableSlot *slot = nullptr;
		Buffer map = InvalidBuffer;
		bool found = false;
		for (ItemPointer row; !found && (row = index_getnext_tid(scan, ForwardScanDirection)) != nullptr;) {
			found = VM_ALL_VISIBLE(table_, ItemPointerGetBlockNumber(row), &map);
			if (!found && slot == nullptr)
				slot = table_slot_create(table_, nullptr);
			if (!found)
				found = index_fetch_heap(scan, slot);
		}
		if (BufferIsValid(map))
			ReleaseBuffer(map);
		if (slot != nullptr)
			ExecDropSingleTupleTableSlot(slot);
		index_endscan(scan);
		return found;
	});
}

HeapTuple
KeyedTable::Find(std::span<const Datum> key, Snapshot snapshot) const
{
	HeapTuple row = nullptr;
	Look(key, snapshot, [&](TupleTableSlot *slot) { row = ExecCopySlotHeapTuple(slot); });
	return row;
}

KeyedTable::Present
KeyedTable::FindPresent(std::span<const Datum> key) const
{
	SnapshotData dirty;
	InitDirtySnapshot(dirty);
	Present present;
	present.row = Find(key, &dirty);
	if (present.row != nullptr)
		present.running = TransactionIdIsValid(dirty.xmin) ? dirty.xmin : dirty.xmax;
	return present;
}

// Nothing of C++ may be in its frame.
void
KeyedTable::AddToKey(HeapTuple row)
{
	Datum values[INDEX_MAX_KEYS];
	bool nulls[INDEX_MAX_KEYS];
	for (int i = 0; i < IndexRelationGetNumberOfAttributes(index_); i++)
		values[i] = heap_getattr(row, index_->rd_index->indkey.values[i], RelationGetDescr(table_), &nulls[i]);
	IndexInfo *info = BuildIndexInfo(index_);
	index_insert(index_, values, nulls, &row->t_self, table_, UNIQUE_CHECK_YES, false, info);
	pg::EndIndexInserts(index_, info);
}

// Nothing of C++ may be in its frame.
void
KeyedTable::AddToIndexes(HeapTuple row)
{
	if (list_length(indexes_) == 1)
		return AddToKey(row);
	EState *executor = CreateExecutorState();
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(table_), &TTSOpsHeapTuple);
	ExecStoreHeapTuple(row, slot, false);
	GetPerTupleExprContext(executor)->ecxt_scantuple = slot;
	for (int i = 0; i < list_length(indexes_); i++) {
		auto *index = static_cast<Relation>(list_nth(indexes_, i));
		IndexInfo *info = BuildIndexInfo(index);
		if (!info->ii_ReadyForInserts ||
			!ExecQual(ExecPrepareQual(info->ii_Predicate, executor), GetPerTupleExprContext(executor)))
			continue;
		Datum values[INDEX_MAX_KEYS];
		bool nulls[INDEX_MAX_KEYS];
		FormIndexDatum(info, slot, executor, values, nulls);
		index_insert(index, values, nulls, &row->t_self, table_,
					 index->rd_index->indisunique ? UNIQUE_CHECK_YES : UNIQUE_CHECK_NO, false, info);
		pg::EndIndexInserts(index, info);
	}
	ExecDropSingleTupleTableSlot(slot);
	FreeExecutorState(executor);
}

ItemPointerData
KeyedTable::Insert(const Datum *values, const bool *nulls)
{
	return pg::Call([&] {
		HeapTuple row =
			heap_form_tuple(RelationGetDescr(table_), const_cast<Datum *>(values), const_cast<bool *>(nulls));
		heap_insert(table_, row, GetCurrentCommandId(true), HEAP_INSERT_NO_LOGICAL, nullptr);
		AddToIndexes(row);
		return row->t_self;
	});
}

ItemPointerData
KeyedTable::Update(ItemPointerData place, std::span<const int> columns, const Datum *values, const bool *nulls)
{
	return pg::Call([&] {
		CommandCounterIncrement();
		HeapTupleData row = {};
		row.t_self = place;
		Buffer buffer = InvalidBuffer;
		if (!heap_fetch(table_, SnapshotSelf, &row, &buffer, false))
			elog(ERROR, "a row of table \"%s\" is gone", RelationGetRelationName(table_));
		HeapTuple fresh = heap_modify_tuple_by_cols(&row, RelationGetDescr(table_), static_cast<int>(columns.size()),
													const_cast<int *>(columns.data()), const_cast<Datum *>(values),
													const_cast<bool *>(nulls));
		ReleaseBuffer(buffer);
		pg::UpdateRow(table_, &place, fresh);
		if (!HeapTupleIsHeapOnly(fresh))
			AddToIndexes(fresh);
		CommandCounterIncrement();
		return fresh->t_self;
	});
}

KeyLock::KeyLock(std::string_view key)
{
	uint64 hash =
		hash_bytes_extended(reinterpret_cast<const unsigned char *>(key.data()), static_cast<int>(key.size()), 0);
	SET_LOCKTAG_ADVISORY(tag_, MyDatabaseId, static_cast<uint32>(hash >> 32), static_cast<uint32>(hash), kOurs);
	pg::Call([&] { (void) LockAcquire(&tag_, ExclusiveLock, false, false); });
}

KeyLock::~KeyLock()
{
	if (std::uncaught_exceptions() == 0) // else the transaction's end does
		LockRelease(&tag_, ExclusiveLock, false);
}

} // namespace txsync::api
