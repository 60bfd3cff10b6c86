#include "api/activity_scan.h"

#include "core/jsonb.h"
#include "pg/image.h"
#include "pg/memory.h"

extern "C" {
#include "access/detoast.h"
#include "access/heapam.h"
#include "access/table.h"
#include "access/xact.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
}

namespace txsync::api {

namespace {

// Columns of txsync.activity.
constexpr int kId = 1;
constexpr int kEntityType = 9;
constexpr int kEntityId = 10;
constexpr int kOrganization = 11;
constexpr int kOldOrganization = 12;
constexpr int kOldOrganizationNull = 13;
constexpr int kAction = 14;
constexpr int kChangedKeys = 15;
constexpr int kTx = 16;

// One that is not known belongs to no entity, as an event: nothing stands for it.
core::Action
ActionOf(std::string_view name)
{
	using core::Action;
	for (Action action : {Action::kUpdate, Action::kCreate, Action::kDelete, Action::kTruncate, Action::kVisibility}) {
		if (name == core::Name(action))
			return action;
	}
	return Action::kEvent;
}

} // namespace

ActivityScan::ActivityScan(Oid table, LOCKMODE lock, BlockNumber first, BlockNumber count)
{
	scratch_ = pg::MakeContext(CurrentMemoryContext, "txsync activity");
	pg::Call([&] {
		table_ = try_table_open(table, lock);
		BlockNumber blocks = table_ != nullptr ? RelationGetNumberOfBlocks(table_) : 0;
		if (first >= blocks)
			return;
		row_ = table_slot_create(table_, nullptr);
		scan_ = table_beginscan_strat(table_, GetActiveSnapshot(), 0, nullptr, true, false);
		heap_setscanlimits(scan_, first, std::min(count, blocks - first));
	});
}

BlockNumber
ActivityScan::BlocksOf(Oid table)
{
	return pg::Call([&] {
		Relation relation = try_table_open(table, AccessShareLock);
		if (relation == nullptr)
			return BlockNumber{0};
		BlockNumber blocks = RelationGetNumberOfBlocks(relation);
		table_close(relation, AccessShareLock);
		return blocks;
	});
}

bool
ActivityScan::Next()
{
	return scan_ != nullptr && pg::Call([&] { return table_scan_getnextslot(scan_, ForwardScanDirection, row_); });
}

int64_t
ActivityScan::Id()
{
	pg::Call([&] { slot_getsomeattrs(row_, kId); });
	return DatumGetInt64(row_->tts_values[kId - 1]);
}

HeapTuple
ActivityScan::Tuple() const
{
	return reinterpret_cast<HeapTupleTableSlot *>(row_)->tuple;
}

int64_t
ActivityScan::Size() const
{
	auto size = static_cast<int64_t>(MAXALIGN(Tuple()->t_len) + sizeof(ItemIdData));
	return HeapTupleHasExternal(Tuple()) ? size + OutOfLine() : size;
}

int64_t
ActivityScan::OutOfLine() const
{
	int64_t size = 0;
	pg::Call([&] { slot_getallattrs(row_); });
	for (int i = 0; i < row_->tts_nvalid; i++) {
		if (row_->tts_isnull[i] || TupleDescAttr(row_->tts_tupleDescriptor, i)->attlen != -1)
			continue;
		const char *value = DatumGetPointer(row_->tts_values[i]);
		struct varatt_external external;
		if (!VARATT_IS_EXTERNAL_ONDISK(value))
			continue;
		VARATT_EXTERNAL_GET_POINTER(external, value);
		size += VARATT_EXTERNAL_GET_EXTSIZE(external);
	}
	return size;
}

// In memory and decompressed, or null.
const char *
ActivityScan::Value(int column)
{
	if (row_->tts_isnull[column - 1])
		return nullptr;
	auto *value = reinterpret_cast<struct varlena *>(DatumGetPointer(row_->tts_values[column - 1]));
	if (VARATT_IS_EXTERNAL(value) || VARATT_IS_COMPRESSED(value)) {
		pg::ContextScope scope(scratch_);
		value = pg::Call([&] { return pg_detoast_datum_packed(value); });
	}
	return reinterpret_cast<const char *>(value);
}

std::string_view
ActivityScan::Text(int column)
{
	const char *value = Value(column);
	return value == nullptr ? std::string_view() : pg::BytesOf(value);
}

const core::Compaction::Activity &
ActivityScan::Read()
{
	MemoryContextReset(scratch_);
	pg::Call([&] { slot_getsomeattrs(row_, kTx); });
	activity_.id = DatumGetInt64(row_->tts_values[kId - 1]);
	activity_.action = ActionOf(Text(kAction));
	activity_.entity_type = Text(kEntityType);
	activity_.entity_id = Text(kEntityId);
	return activity_;
}

const core::Compaction::Activity &
ActivityScan::ReadAll()
{
	Read();
	activity_.organization_id = Text(kOrganization);
	activity_.old_organization_id = Text(kOldOrganization);
	activity_.has_moved = !row_->tts_isnull[kOldOrganization - 1] || !row_->tts_isnull[kOldOrganizationNull - 1];
	activity_.changed_field = {};
	keys_.clear();
	if (activity_.action == core::Action::kUpdate)
		ReadKeys();
	activity_.changed_keys = keys_;
	return activity_;
}

// An array is read in place, which has to be aligned.
const char *
ActivityScan::Aligned(const char *array)
{
	if (!VARATT_IS_SHORT(array))
		return array;
	size_t size = VARSIZE_SHORT(array) - VARHDRSZ_SHORT;
	SET_VARSIZE(short_array_, size + VARHDRSZ);
	memcpy(VARDATA(short_array_), VARDATA_SHORT(array), size);
	return short_array_;
}

void
ActivityScan::ReadKeys()
{
	core::Tx tx;
	if (const char *value = Value(kTx))
		core::ReadTx(pg::BytesOf(value), tx);
	activity_.changed_field = tx.changed_field;
	const char *value = Value(kChangedKeys);
	auto *array = reinterpret_cast<ArrayType *>(const_cast<char *>(value != nullptr ? Aligned(value) : nullptr));
	activity_.changed_keys_known = array != nullptr && !ARR_HASNULL(array);
	if (!activity_.changed_keys_known)
		return;
	int count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	const char *at = ARR_DATA_PTR(array);
	for (int i = 0; i < count; i++) {
		keys_.emplace_back(pg::BytesOf(at));
		at = reinterpret_cast<const char *>(INTALIGN(at + VARSIZE_ANY(at)));
	}
}

size_t
ActivityScan::Delete()
{
	return pg::Call([&] {
		TM_FailureData failure;
		TM_Result result =
			heap_delete(table_, &row_->tts_tid, GetCurrentCommandId(true), InvalidSnapshot, false, &failure, false);
		return result == TM_Ok ? size_t{Tuple()->t_len} : 0;
	});
}

void
ActivityScan::Close()
{
	pg::Call([&] {
		if (scan_ != nullptr) {
			ExecDropSingleTupleTableSlot(row_);
			table_endscan(scan_);
		}
		if (table_ != nullptr)
			table_close(table_, NoLock);
		MemoryContextDelete(scratch_);
	});
}

} // namespace txsync::api
