#include "api/ledger.h"

#include "api/errors.h"
#include "api/ledger_partition.h"
#include "pg/compat.h"
#include "pg/entry.h"

extern "C" {
#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/pg_collation.h"
#include "common/hashfn.h"
#include "executor/tuptable.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/procarray.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
}

namespace txsync::api {

namespace {

enum Column
{
	kTransactionId,
	kSourceId,
	kChangedField,
	kClaimedBy,
	kEntityType,
	kEntityId,
	kRequest,
	kClaimedAt,
	kResult,
	kColumns,
};

// A partition and its index, open for a scope. After an error the transaction's end closes them.
class Partition
{
public:
	Partition(Oid oid, LOCKMODE lock)
		: table(pg::Call([&] { return try_relation_open(oid, lock); }))
		, lock_(lock)
	{
		if (table == nullptr)
			return;
		index = pg::Call([&] {
			List *indexes = RelationGetIndexList(table);
			if (indexes == NIL)
				elog(ERROR, "table \"%s\" has lost its index", RelationGetRelationName(table));
			return index_open(linitial_oid(indexes), lock);
		});
	}
	Partition(const Partition &) = delete;
	~Partition()
	{
		if (table == nullptr || std::uncaught_exceptions() > 0)
			return;
		index_close(index, lock_ == AccessShareLock ? lock_ : NoLock);
		relation_close(table, lock_ == AccessShareLock ? lock_ : NoLock);
	}

	bool
	IsOf(std::string_view transaction_id) const
	{
		return table != nullptr && RelationGetRelid(table) == LedgerPartitionOf(transaction_id);
	}

	Relation table;
	Relation index = nullptr;

private:
	LOCKMODE lock_;
};

// Calls f(slot) for the row of an id that a snapshot sees, if there is one: nothing of C++ may be in its frame.
template <class F>
bool
Look(const Partition &partition, Datum id, Snapshot snapshot, F &&f)
{
	return pg::Call([&] {
		ScanKeyData key;
		ScanKeyEntryInitialize(&key, 0, 1, BTEqualStrategyNumber, TEXTOID, C_COLLATION_OID, F_TEXTEQ, id);
		IndexScanDesc scan = pg::BeginIndexScan(partition.table, partition.index, snapshot, 1);
		index_rescan(scan, &key, 1, nullptr, 0);
		TupleTableSlot *slot = table_slot_create(partition.table, nullptr);
		bool found = index_getnext_slot(scan, ForwardScanDirection, slot);
		if (found)
			f(slot);
		index_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);
		return found;
	});
}

// Whoever looks for an id and then adds it does both under this lock, so that nobody else comes in between. It is not
// held any longer: who finds an id in the hands of a running transaction waits for that.
class ShortLock
{
public:
	explicit ShortLock(std::string_view id)
	{
		uint64 hash = hash_bytes_extended(reinterpret_cast<const unsigned char *>(id.data()),
										  static_cast<int>(id.size()), 0);
		SET_LOCKTAG_ADVISORY(tag_, MyDatabaseId, static_cast<uint32>(hash >> 32), static_cast<uint32>(hash), kOurs);
		pg::Call([&] { (void)LockAcquire(&tag_, ExclusiveLock, false, false); });
	}
	ShortLock(const ShortLock &) = delete;
	~ShortLock()
	{
		if (std::uncaught_exceptions() == 0) // else the transaction's end does
			LockRelease(&tag_, ExclusiveLock, false);
	}

private:
	static constexpr uint16 kOurs = 0x7478; // the fourth field of SQL's advisory locks is 1 or 2

	LOCKTAG tag_;
};

Datum
TextDatum(std::string_view text)
{
	return pg::Call([&] {
		return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
	});
}

std::string_view
RoleName()
{
	return pg::Call([] { return std::string_view(GetUserNameFromId(GetUserId(), false)); });
}

std::optional<std::string>
Text(TupleTableSlot *slot, Column column)
{
	struct
	{
		bool null;
		std::string_view text;
	} value = {};
	value = pg::Call([&] {
		decltype(value) read = {};
		Datum datum = slot_getattr(slot, column + 1, &read.null);
		if (!read.null) {
			auto *bytes = PG_DETOAST_DATUM_PACKED(datum);
			read.text = {VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)};
		}
		return read;
	});
	return value.null ? std::nullopt : std::optional<std::string>(value.text);
}

// What Look() found, copied out of its slot.
struct Tuple
{
	HeapTuple row = nullptr;
	TransactionId claimer = InvalidTransactionId;
};

Tuple
Copy(TupleTableSlot *slot)
{
	HeapTuple row = ExecCopySlotHeapTuple(slot);
	return {row, HeapTupleHeaderGetXmin(row->t_data)};
}

LedgerRow
Read(const Partition &partition, const Tuple &found)
{
	TupleTableSlot *slot = pg::Call([&] {
		TupleTableSlot *made = MakeSingleTupleTableSlot(RelationGetDescr(partition.table), &TTSOpsHeapTuple);
		return ExecStoreHeapTuple(found.row, made, false);
	});
	LedgerRow row;
	row.place = {RelationGetRelid(partition.table), found.row->t_self};
	row.own = TransactionIdIsCurrentTransactionId(found.claimer);
	row.source_id = Text(slot, kSourceId).value_or("");
	row.role = Text(slot, kClaimedBy).value_or("");
	row.changed_field = Text(slot, kChangedField);
	row.entity_type = Text(slot, kEntityType);
	row.entity_id = Text(slot, kEntityId);
	row.request = Text(slot, kRequest);
	pg::Call([&] {
		bool null = true;
		Datum result = slot_getattr(slot, kResult + 1, &null);
		row.has_result = !null;
		if (!null)
			row.result = PointerGetDatum(PG_DETOAST_DATUM_COPY(result));
		ExecDropSingleTupleTableSlot(slot);
	});
	return row;
}

// Nothing of C++ may be in its frame.
void
AddToIndex(const Partition &partition, HeapTuple row)
{
	bool null = false;
	Datum id = heap_getattr(row, kTransactionId + 1, RelationGetDescr(partition.table), &null);
	IndexInfo *info = BuildIndexInfo(partition.index);
	index_insert(partition.index, &id, &null, &row->t_self, partition.table, UNIQUE_CHECK_YES, false, info);
	pg::EndIndexInserts(partition.index, info);
}

LedgerPlace
Insert(const Partition &partition, const Claim &claim, Datum id)
{
	Datum values[kColumns] = {};
	bool nulls[kColumns] = {};
	auto set = [&](Column column, std::string_view text) {
		nulls[column] = text.data() == nullptr;
		if (!nulls[column])
			values[column] = TextDatum(text);
	};
	values[kTransactionId] = id;
	set(kSourceId, claim.tx.source_id);
	set(kChangedField, claim.tx.changed_field);
	set(kClaimedBy, RoleName());
	set(kEntityType, claim.entity_type);
	set(kEntityId, claim.entity_id);
	set(kRequest, claim.request); // bytea is stored as text is
	values[kClaimedAt] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	nulls[kResult] = true;
	return pg::Call([&] {
		HeapTuple row = heap_form_tuple(RelationGetDescr(partition.table), values, nulls);
		// Nobody's logical decoding has to pass over it.
		heap_insert(partition.table, row, GetCurrentCommandId(true), HEAP_INSERT_NO_LOGICAL, nullptr);
		AddToIndex(partition, row);
		return LedgerPlace{RelationGetRelid(partition.table), row->t_self};
	});
}

// Under a snapshot that does not see the claim, the rest of the transaction would not see what was done for it.
void
RequireVisible(TransactionId claimer)
{
	if (!IsolationUsesXactSnapshot() || TransactionIdIsCurrentTransactionId(claimer))
		return;
	bool hidden = pg::Call([&] { return XidInMVCCSnapshot(claimer, GetTransactionSnapshot()); });
	if (hidden)
		throw pg::Failure{ERRCODE_T_R_SERIALIZATION_FAILURE, "could not serialize access due to a concurrent mutation",
						  "Another transaction has claimed the transactionId.", "The transaction might succeed if retried."};
}

void
RequireWritable()
{
	pg::Call([] {
		PreventCommandIfReadOnly("claiming a transactionId");
		PreventCommandIfParallelMode("claiming a transactionId");
		PreventCommandDuringRecovery("claiming a transactionId");
	});
}

// One attempt: ours, another's, or in the hands of a transaction that is still running.
struct Attempt
{
	LedgerPlace place = {};
	Tuple found = {};
	TransactionId running = InvalidTransactionId;
};

Attempt
Try(const Partition &partition, const Claim &claim, Datum id)
{
	Attempt attempt;
	ShortLock lock(claim.tx.transaction_id);
	SnapshotData dirty;
	InitDirtySnapshot(dirty);
	bool found = Look(partition, id, &dirty, [&](TupleTableSlot *slot) { attempt.found = Copy(slot); });
	if (found && TransactionIdIsValid(dirty.xmin))
		attempt.running = dirty.xmin;
	else if (found && TransactionIdIsValid(dirty.xmax))
		attempt.running = dirty.xmax;
	else if (!found) {
		RequireNotPruned(claim.tx.transaction_id);
		attempt.place = Insert(partition, claim, id);
	}
	return attempt;
}

// Of a row that this transaction wrote, so nobody else can have it locked.
void
Replace(LedgerPlace &place, int count, const int *columns, const Datum *values)
{
	Partition partition(place.table, RowExclusiveLock);
	pg::Call([&] {
		CommandCounterIncrement();
		HeapTupleData row = {};
		row.t_self = place.row;
		Buffer buffer = InvalidBuffer;
		if (partition.table == nullptr || !heap_fetch(partition.table, SnapshotSelf, &row, &buffer, false))
			elog(ERROR, "the row of a claimed transactionId is gone");
		bool modified_nulls[kColumns] = {};
		HeapTuple fresh = heap_modify_tuple_by_cols(&row, RelationGetDescr(partition.table), count,
													const_cast<int *>(columns), const_cast<Datum *>(values), modified_nulls);
		ReleaseBuffer(buffer);
		pg::UpdateRow(partition.table, &place.row, fresh);
		place.row = fresh->t_self;
		if (!HeapTupleIsHeapOnly(fresh))
			AddToIndex(partition, fresh);
		CommandCounterIncrement();
	});
}

} // namespace

Claimed
ClaimId(const Claim &claim)
{
	RequireWritable();
	Datum id = TextDatum(claim.tx.transaction_id);
	for (;;) {
		pg::CheckForInterrupts();
		Partition partition(LedgerPartitionOf(claim.tx.transaction_id), RowExclusiveLock);
		if (!partition.IsOf(claim.tx.transaction_id)) // dropped, or made, while we waited for the lock
			continue;
		Attempt attempt = Try(partition, claim, id);
		if (TransactionIdIsValid(attempt.running)) {
			pg::Call([&] { XactLockTableWait(attempt.running, nullptr, nullptr, XLTW_None); });
			continue;
		}
		if (attempt.found.row == nullptr)
			return {attempt.place, std::nullopt};
		RequireVisible(attempt.found.claimer);
		return {{}, Read(partition, attempt.found)};
	}
}

std::optional<LedgerRow>
FindId(std::string_view transaction_id)
{
	Partition partition(LedgerPartitionOf(transaction_id), AccessShareLock);
	if (!partition.IsOf(transaction_id))
		return FindId(transaction_id);
	Tuple found;
	Look(partition, TextDatum(transaction_id), SnapshotSelf, [&](TupleTableSlot *slot) { found = Copy(slot); });
	return found.row != nullptr ? std::optional<LedgerRow>(Read(partition, found)) : std::nullopt;
}

bool
IsClaimed(std::string_view transaction_id)
{
	Partition partition(LedgerPartitionOf(transaction_id), AccessShareLock);
	if (!partition.IsOf(transaction_id))
		return IsClaimed(transaction_id);
	return Look(partition, TextDatum(transaction_id), SnapshotSelf, [](TupleTableSlot *) {});
}

void
RecordEntity(LedgerPlace &place, std::string_view entity_type, std::string_view entity_id)
{
	int columns[] = {kEntityType + 1, kEntityId + 1};
	Datum values[] = {TextDatum(entity_type), TextDatum(entity_id)};
	Replace(place, 2, columns, values);
}

void
RecordResult(LedgerPlace &place, Datum result)
{
	int columns[] = {kResult + 1};
	Replace(place, 1, columns, &result);
}

} // namespace txsync::api
