#include "api/ledger.h"

#include "api/arguments.h"
#include "api/errors.h"
#include "api/keyed_table.h"
#include "api/ledger_partition.h"
#include "pg/image.h"

extern "C" {
#include "access/htup_details.h"
#include "access/xact.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
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

constexpr AttrNumber kKey[] = {kTransactionId + 1};

// Opens the partition of an id. It may be dropped, or made, while we wait for its lock: then there is another look.
KeyedTable &
Open(std::optional<KeyedTable> &table, std::string_view transaction_id, LOCKMODE lock)
{
	for (;;) {
		pg::CheckForInterrupts();
		table.emplace(LedgerPartitionOf(transaction_id), kKey, lock);
		if (table->IsThere() && table->Id() == LedgerPartitionOf(transaction_id))
			return *table;
	}
}

std::optional<std::string>
Text(const KeyedTable &table, HeapTuple row, Column column)
{
	std::string_view text = pg::Call([&] {
		bool null = true;
		Datum datum = heap_getattr(row, column + 1, table.Desc(), &null);
		if (null)
			return std::string_view();
		return pg::BytesOf(PG_DETOAST_DATUM_PACKED(datum));
	});
	return text.data() == nullptr ? std::nullopt : std::optional<std::string>(text);
}

LedgerRow
Read(const KeyedTable &table, HeapTuple found)
{
	LedgerRow row;
	row.place = {table.Id(), found->t_self};
	row.own = TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(found->t_data));
	auto text = [&](Column column) { return Text(table, found, column); };
	row.source_id = text(kSourceId).value_or("");
	row.role = text(kClaimedBy).value_or("");
	row.changed_field = text(kChangedField);
	row.entity_type = text(kEntityType);
	row.entity_id = text(kEntityId);
	row.request = text(kRequest);
	pg::Call([&] {
		bool null = true;
		Datum result = heap_getattr(found, kResult + 1, table.Desc(), &null);
		row.has_result = !null;
		if (!null)
			row.result = PointerGetDatum(PG_DETOAST_DATUM_COPY(result));
	});
	return row;
}

LedgerPlace
Insert(KeyedTable &table, const Claim &claim, Datum id)
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
	return {table.Id(), table.Insert(values, nulls)};
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
						  "Another transaction has claimed the transactionId.",
						  "The transaction might succeed if retried."};
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

// One attempt: ours, or in the hands of others.
struct Attempt
{
	LedgerPlace place = {};
	KeyedTable::Present present = {};
};

Attempt
Try(KeyedTable &table, Claim &claim, Datum id, const std::function<void(Claim &)> &complete)
{
	Attempt attempt;
	KeyLock lock(claim.tx.transaction_id);
	attempt.present = table.FindPresent({&id, 1});
	if (attempt.present.row == nullptr) {
		RequireNotPruned(claim.tx.transaction_id);
		if (complete)
			complete(claim);
		attempt.place = Insert(table, claim, id);
	}
	return attempt;
}

// Of a row that this transaction wrote.
void
Replace(LedgerPlace &place, std::span<const int> columns, const Datum *values)
{
	KeyedTable table(place.table, kKey, RowExclusiveLock);
	bool nulls[kColumns] = {};
	place.row = table.Update(place.row, columns, values, nulls);
}

} // namespace

std::string_view
RoleName()
{
	return pg::Call([] { return std::string_view(GetUserNameFromId(GetUserId(), false)); });
}

Claimed
ClaimId(Claim claim, const std::function<void(Claim &)> &complete)
{
	RequireWritable();
	Datum id = TextDatum(claim.tx.transaction_id);
	for (;;) {
		std::optional<KeyedTable> open;
		KeyedTable &table = Open(open, claim.tx.transaction_id, RowExclusiveLock);
		auto [place, present] = Try(table, claim, id, complete);
		if (present.row == nullptr)
			return {place, std::nullopt};
		if (TransactionIdIsValid(present.running)) {
			pg::Call([running = present.running] { XactLockTableWait(running, nullptr, nullptr, XLTW_None); });
			continue;
		}
		RequireVisible(HeapTupleHeaderGetXmin(present.row->t_data));
		return {{}, Read(table, present.row)};
	}
}

std::optional<LedgerRow>
FindId(std::string_view transaction_id)
{
	std::optional<KeyedTable> open;
	KeyedTable &table = Open(open, transaction_id, AccessShareLock);
	Datum id = TextDatum(transaction_id);
	HeapTuple row = table.Find({&id, 1}, SnapshotSelf);
	return row != nullptr ? std::optional<LedgerRow>(Read(table, row)) : std::nullopt;
}

bool
IsClaimed(std::string_view transaction_id)
{
	std::optional<KeyedTable> open;
	KeyedTable &table = Open(open, transaction_id, AccessShareLock);
	Datum id = TextDatum(transaction_id);
	return table.Has({&id, 1}, SnapshotSelf);
}

void
RecordEntity(LedgerPlace &place, std::string_view entity_type, std::string_view entity_id)
{
	int columns[] = {kEntityType + 1, kEntityId + 1};
	Datum values[] = {TextDatum(entity_type), TextDatum(entity_id)};
	Replace(place, columns, values);
}

void
RecordResult(LedgerPlace &place, Datum result)
{
	int columns[] = {kResult + 1};
	Replace(place, columns, &result);
}

} // namespace txsync::api
