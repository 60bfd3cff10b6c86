#include "api/keyed_table.h"

#include <exception>

extern "C" {
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_collation.h"
#include "common/hashfn.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
}

namespace txsync::api {

namespace {

// The fourth field of SQL's own advisory locks is 1 or 2.
constexpr uint16 kOurs = 0x7478;

} // namespace

KeyedTable::KeyedTable(Oid oid, LOCKMODE lock)
	: table_(pg::Call([&] { return try_relation_open(oid, lock); }))
	, lock_(lock)
{
	if (table_ == nullptr)
		return;
	index_ = pg::Call([&] {
		List *indexes = RelationGetIndexList(table_);
		if (indexes == NIL)
			elog(ERROR, "table \"%s\" has lost its index", RelationGetRelationName(table_));
		return index_open(linitial_oid(indexes), lock);
	});
}

KeyedTable::~KeyedTable()
{
	if (table_ == nullptr || std::uncaught_exceptions() > 0)
		return;
	LOCKMODE given_back = lock_ == AccessShareLock ? lock_ : NoLock;
	index_close(index_, given_back);
	relation_close(table_, given_back);
}

// Calls f(slot) for the row if there is one: nothing of C++ may be in its frame.
template <class F>
bool
KeyedTable::Look(std::span<const Datum> key, Snapshot snapshot, F &&f) const
{
	return pg::Call([&] {
		ScanKeyData keys[INDEX_MAX_KEYS];
		auto count = static_cast<int>(key.size());
		for (int i = 0; i < count; i++)
			ScanKeyEntryInitialize(&keys[i], 0, static_cast<AttrNumber>(i + 1), BTEqualStrategyNumber, TEXTOID,
								   C_COLLATION_OID, F_TEXTEQ, key[static_cast<size_t>(i)]);
		IndexScanDesc scan = pg::BeginIndexScan(table_, index_, snapshot, count);
		index_rescan(scan, keys, count, nullptr, 0);
		TupleTableSlot *slot = table_slot_create(table_, nullptr);
		bool found = index_getnext_slot(scan, ForwardScanDirection, slot);
		if (found)
			f(slot);
		index_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);
		return found;
	});
}

bool
KeyedTable::Has(std::span<const Datum> key, Snapshot snapshot) const
{
	return Look(key, snapshot, [](TupleTableSlot *) {});
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
KeyedTable::AddToIndex(HeapTuple row)
{
	Datum values[INDEX_MAX_KEYS];
	bool nulls[INDEX_MAX_KEYS];
	for (int i = 0; i < IndexRelationGetNumberOfAttributes(index_); i++)
		values[i] = heap_getattr(row, index_->rd_index->indkey.values[i], RelationGetDescr(table_), &nulls[i]);
	IndexInfo *info = BuildIndexInfo(index_);
	index_insert(index_, values, nulls, &row->t_self, table_, UNIQUE_CHECK_YES, false, info);
	pg::EndIndexInserts(index_, info);
}

ItemPointerData
KeyedTable::Insert(const Datum *values, const bool *nulls)
{
	return pg::Call([&] {
		HeapTuple row = heap_form_tuple(RelationGetDescr(table_), const_cast<Datum *>(values), const_cast<bool *>(nulls));
		heap_insert(table_, row, GetCurrentCommandId(true), HEAP_INSERT_NO_LOGICAL, nullptr);
		AddToIndex(row);
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
			AddToIndex(fresh);
		CommandCounterIncrement();
		return fresh->t_self;
	});
}

KeyLock::KeyLock(std::string_view key)
{
	uint64 hash = hash_bytes_extended(reinterpret_cast<const unsigned char *>(key.data()), static_cast<int>(key.size()), 0);
	SET_LOCKTAG_ADVISORY(tag_, MyDatabaseId, static_cast<uint32>(hash >> 32), static_cast<uint32>(hash), kOurs);
	pg::Call([&] { (void)LockAcquire(&tag_, ExclusiveLock, false, false); });
}

KeyLock::~KeyLock()
{
	if (std::uncaught_exceptions() == 0) // else the transaction's end does
		LockRelease(&tag_, ExclusiveLock, false);
}

Datum
TextDatum(std::string_view text)
{
	return pg::Call([&] {
		return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
	});
}

} // namespace txsync::api
