#include "api/tombstone.h"

#include "api/keyed_table.h"

extern "C" {
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "replication/origin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
}

namespace txsync::api {

namespace {

enum Column
{
	kEntityType,
	kEntityKey,
	kEntityId,
	kOrgId,
	kTransactionId,
	kWallMs,
	kLogical,
	kRowVersion,
	kOrigin,
	kDeletedAt,
	kColumns,
};

// An index holds no id of any length.
constexpr size_t kLongestKey = 200;

Oid
TableId()
{
	return pg::Call([] { return get_relname_relid("tombstone", get_namespace_oid("txsync", false)); });
}

struct Key
{
	Datum parts[2];
	std::string name; // for a lock
};

Key
KeyOf(std::string_view entity_type, std::string_view entity_id)
{
	Key key = {{TextDatum(entity_type), TextDatum(entity_id)}, std::string(entity_type)};
	if (entity_id.size() > kLongestKey)
		key.parts[1] = pg::Call([&] { return DirectFunctionCall1(md5_text, key.parts[1]); });
	key.name += '\0';
	key.name += entity_id;
	return key;
}

// Whose change this is; data() == nullptr: this server's own.
std::string_view
Origin()
{
	if (replorigin_session_origin == InvalidRepOriginId || replorigin_session_origin == DoNotReplicateId)
		return {};
	return pg::Call([] {
		char *name = nullptr;
		return replorigin_by_oid(replorigin_session_origin, true, &name) ? std::string_view(name) : std::string_view();
	});
}

struct Row
{
	Datum values[kColumns] = {};
	bool nulls[kColumns] = {};
};

Row
RowOf(const Tombstone &tombstone, const Key &key)
{
	Row row;
	auto set = [&](Column column, std::string_view text) {
		row.nulls[column] = text.data() == nullptr;
		if (!row.nulls[column])
			row.values[column] = TextDatum(text);
	};
	row.values[kEntityType] = key.parts[0];
	row.values[kEntityKey] = key.parts[1];
	set(kEntityId, tombstone.entity_id);
	set(kOrgId, tombstone.organization_id);
	set(kTransactionId, tombstone.transaction_id);
	row.values[kWallMs] = Int64GetDatum(static_cast<int64>(tombstone.stamp.wall_ms));
	row.values[kLogical] = Int64GetDatum(static_cast<int64>(tombstone.stamp.logical));
	row.values[kRowVersion] = Int64GetDatum(static_cast<int64>(tombstone.row_version));
	set(kOrigin, Origin());
	row.values[kDeletedAt] = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	return row;
}

// Returns the transaction to be waited for, if one is about to write the same tombstone.
TransactionId
TryToBury(KeyedTable &table, const Key &key, const Row &row)
{
	static constexpr int kWritten[] = {kOrgId + 1,      kTransactionId + 1, kWallMs + 1,   kLogical + 1,
									   kRowVersion + 1, kOrigin + 1,        kDeletedAt + 1};
	KeyLock lock(key.name);
	KeyedTable::Present present = table.FindPresent(key.parts);
	if (TransactionIdIsValid(present.running))
		return present.running;
	if (present.row != nullptr)
		table.Update(present.row->t_self, kWritten, row.values + kOrgId, row.nulls + kOrgId);
	else
		table.Insert(row.values, row.nulls);
	return InvalidTransactionId;
}

HeapTuple
Find(const KeyedTable &table, std::string_view entity_type, std::string_view entity_id)
{
	return table.Find(KeyOf(entity_type, entity_id).parts, SnapshotSelf);
}

} // namespace

void
Bury(const Tombstone &tombstone)
{
	Key key = KeyOf(tombstone.entity_type, tombstone.entity_id);
	Row row = RowOf(tombstone, key);
	KeyedTable table(TableId(), RowExclusiveLock);
	for (;;) {
		pg::CheckForInterrupts();
		TransactionId running = TryToBury(table, key, row);
		if (!TransactionIdIsValid(running))
			return;
		pg::Call([&] { XactLockTableWait(running, nullptr, nullptr, XLTW_None); });
	}
}

std::optional<Tombstone>
TombstoneOf(std::string_view entity_type, std::string_view entity_id)
{
	KeyedTable table(TableId(), AccessShareLock);
	HeapTuple row = Find(table, entity_type, entity_id);
	if (row == nullptr)
		return std::nullopt;
	auto member = [&](Column column) {
		return pg::Call([&]() -> std::string_view {
			bool null = false;
			Datum datum = heap_getattr(row, column + 1, table.Desc(), &null);
			if (null)
				return {};
			return TextDatumGetCString(datum);
		});
	};
	Tombstone tombstone;
	tombstone.organization_id = member(kOrgId);
	tombstone.transaction_id = member(kTransactionId);
	return tombstone;
}

uint64_t
BuriedRowVersion(std::string_view entity_type, std::string_view entity_id)
{
	KeyedTable table(TableId(), AccessShareLock);
	HeapTuple row = Find(table, entity_type, entity_id);
	if (row == nullptr)
		return 0;
	return pg::Call([&] {
		bool null = false;
		return static_cast<uint64_t>(DatumGetInt64(heap_getattr(row, kRowVersion + 1, table.Desc(), &null)));
	});
}

} // namespace txsync::api
