#include "api/tombstone.h"

#include "api/arguments.h"
#include "api/attach.h"
#include "api/keyed_table.h"

extern "C" {
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "replication/origin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
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

constexpr AttrNumber kKey[] = {kEntityType + 1, kEntityKey + 1};

// An index holds no id of any length.
constexpr size_t kLongestKey = 200;

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

} // namespace

void
Bury(const Tombstone &tombstone)
{
	Key key = KeyOf(tombstone.entity_type, tombstone.entity_id);
	Row row = RowOf(tombstone, key);
	KeyedTable table(OwnTable("tombstone"), kKey, RowExclusiveLock);
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
	Key key = KeyOf(entity_type, entity_id);
	KeyedTable table(OwnTable("tombstone"), kKey, AccessShareLock);
	// Not the transaction's snapshot: a deletion that it does not see is one all the same.
	Snapshot snapshot = pg::Call([] { return RegisterSnapshot(GetLatestSnapshot()); });
	HeapTuple row = table.Find(key.parts, snapshot);
	pg::Call([&] { UnregisterSnapshot(snapshot); });
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

bool
AnythingIsBuried()
{
	Oid oid = OwnTable("tombstone");
	return pg::Call([&] {
		Relation table = table_open(oid, AccessShareLock);
		bool any = RelationGetNumberOfBlocks(table) > 0;
		table_close(table, AccessShareLock);
		return any;
	});
}

LastLife
LastLifeOf(std::string_view entity_type, std::string_view entity_id)
{
	Key key = KeyOf(entity_type, entity_id);
	KeyedTable table(OwnTable("tombstone"), kKey, AccessShareLock);
	for (;;) {
		pg::CheckForInterrupts();
		KeyedTable::Present present = table.FindPresent(key.parts);
		if (present.row == nullptr)
			return {};
		if (!TransactionIdIsValid(present.running))
			return pg::Call([&] {
				auto number = [&](Column column) {
					bool null = false;
					return static_cast<uint64_t>(
						DatumGetInt64(heap_getattr(present.row, column + 1, table.Desc(), &null)));
				};
				return LastLife{number(kRowVersion), {number(kWallMs), number(kLogical)}};
			});
		pg::Call([running = present.running] { XactLockTableWait(running, nullptr, nullptr, XLTW_None); });
	}
}

} // namespace txsync::api
