#include "worker/slot.h"

#include "pg/compat.h"

extern "C" {
#include "access/xlog.h"
#include "access/xlogutils.h"
#include "miscadmin.h"
#include "replication/slot.h"
#include "replication/snapbuild.h"
#include "storage/proc.h"
#include "utils/snapmgr.h"
}

namespace txsync::worker {

namespace {

// What was flushed when the slot was acquired: the state that it goes by is not younger.
XLogRecPtr found_at;

} // namespace

std::string
SlotName()
{
	return "txsync_" + std::to_string(MyDatabaseId);
}

XLogReaderRoutine
LocalWal()
{
	XLogReaderRoutine routine = {};
	routine.page_read = read_local_xlog_page;
	routine.segment_open = wal_segment_open;
	routine.segment_close = wal_segment_close;
	return routine;
}

Slot
FindSlot()
{
	std::string name = SlotName();
	ReplicationSlot *slot = pg::Call([&] { return SearchNamedReplicationSlot(name.c_str(), true); });
	if (slot == nullptr)
		return {};
	SpinLockAcquire(&slot->mutex);
	ReplicationSlotPersistentData data = slot->data;
	SpinLockRelease(&slot->mutex);
	bool is_ours = data.database == MyDatabaseId && strcmp(NameStr(data.plugin), "txsync") == 0;
	return {true, is_ours, pg::IsInvalidated(data), data.confirmed_flush};
}

// It is persistent before anything is written that depends on it: a slot without a changelog is made anew.
XLogRecPtr
CreateSlot()
{
	std::string name = SlotName();
	return pg::Call([&] {
		CheckLogicalDecodingRequirements();
		pg::CreateLogicalSlot(name.c_str());
		XLogReaderRoutine routine = LocalWal();
		LogicalDecodingContext *context =
			CreateInitDecodingContext("txsync", NIL, true, InvalidXLogRecPtr, &routine, nullptr, nullptr, nullptr);
		DecodingContextFindStartpoint(context);
		InvalidateCatalogSnapshot(); // looking into the catalog has taken one, and there must be none
		RestoreTransactionSnapshot(SnapBuildInitialSnapshot(context->snapshot_builder), MyProc);
		XLogRecPtr start = MyReplicationSlot->data.confirmed_flush;
		FreeDecodingContext(context);
		ReplicationSlotPersist();
		ReplicationSlotRelease(); // gives up the hold on old rows that the snapshot needed
		return start;
	});
}

void
AcquireSlot()
{
	std::string name = SlotName();
	pg::Call([&] {
		CheckLogicalDecodingRequirements();
		pg::AcquireSlot(name.c_str());
		found_at = GetFlushRecPtr(nullptr);
	});
}

void
DropSlot()
{
	std::string name = SlotName();
	pg::Call([&] {
		if (MyReplicationSlot != nullptr)
			ReplicationSlotRelease();
		ReplicationSlotDrop(name.c_str(), true);
	});
}

FullTransactionId
Horizon()
{
	TransactionId xid = MyReplicationSlot->data.catalog_xmin;
	FullTransactionId next = ReadNextFullTransactionId();
	uint32 epoch = EpochFromFullTransactionId(next);
	return FullTransactionIdFromEpochAndXid(xid > XidFromFullTransactionId(next) ? epoch - 1 : epoch, xid);
}

void
Confirm(XLogRecPtr lsn)
{
	if (lsn <= MyReplicationSlot->data.confirmed_flush)
		return;
	pg::Call([&] {
		if (!pg::StandbysHave(std::max(XactLastCommitEnd, found_at)))
			return;
		LogicalConfirmReceivedLocation(lsn);
		ReplicationSlotMarkDirty();
	});
}

} // namespace txsync::worker
