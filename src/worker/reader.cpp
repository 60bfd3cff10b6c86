#include "worker/reader.h"

#include "decoder/session.h"
#include "pg/compat.h"

extern "C" {
#include "access/xlog.h"
#include "access/xlogutils.h"
#include "nodes/makefuncs.h"
#include "replication/decode.h"
}

namespace txsync::worker {

namespace {

XLogReaderRoutine
LocalWal()
{
	XLogReaderRoutine routine = {};
	routine.page_read = read_local_xlog_page;
	routine.segment_open = wal_segment_open;
	routine.segment_close = wal_segment_close;
	return routine;
}

// The sink takes what the decoder tells: nothing comes here.
void
WriteNothing(LogicalDecodingContext *, XLogRecPtr, TransactionId, bool)
{}

List *
PluginOptions()
{
	return list_make1(makeDefElem(pstrdup("include-data"), reinterpret_cast<Node *>(makeString(pstrdup("none"))), -1));
}

} // namespace

bool
HasSlot(const std::string &name)
{
	return pg::Call([&] { return SearchNamedReplicationSlot(name.c_str(), true) != nullptr; });
}

XLogRecPtr
CreateSlot(const std::string &name)
{
	return pg::Call([&] {
		CheckLogicalDecodingRequirements();
		pg::CreateLogicalSlot(name.c_str());
		XLogReaderRoutine routine = LocalWal();
		LogicalDecodingContext *context =
			CreateInitDecodingContext("txsync", NIL, false, InvalidXLogRecPtr, &routine, nullptr, nullptr, nullptr);
		DecodingContextFindStartpoint(context);
		XLogRecPtr start = MyReplicationSlot->data.confirmed_flush;
		FreeDecodingContext(context);
		ReplicationSlotPersist();
		return start;
	});
}

void
DropSlot(const std::string &name)
{
	pg::Call([&] {
		if (MyReplicationSlot != nullptr)
			ReplicationSlotRelease();
		ReplicationSlotDrop(name.c_str(), true);
	});
}

Reader::Reader(const std::string &slot, XLogRecPtr from, decoder::Sink &sink)
	: context_(pg::Call([&] {
		CheckLogicalDecodingRequirements();
		if (MyReplicationSlot == nullptr)
			pg::AcquireSlot(slot.c_str());
		XLogReaderRoutine routine = LocalWal();
		LogicalDecodingContext *context =
			CreateDecodingContext(from, PluginOptions(), false, &routine, WriteNothing, WriteNothing, nullptr);
		XLogBeginRead(context->reader, MyReplicationSlot->data.restart_lsn);
		return context;
	}))
{
	decoder::SessionOf(context_).Redirect(sink);
}

// A record that is flushed in part only is waited for: its rest is on the way.
bool
Reader::Step()
{
	return pg::Call([&] {
		if (context_->reader->EndRecPtr >= GetFlushRecPtr(nullptr))
			return false;
		char *error = nullptr;
		XLogRecord *record = XLogReadRecord(context_->reader, &error);
		if (error != nullptr)
			elog(ERROR, "could not read WAL: %s", error);
		if (record != nullptr)
			LogicalDecodingProcessRecord(context_, context_->reader);
		return record != nullptr;
	});
}

void
Reader::Confirm(XLogRecPtr lsn)
{
	if (lsn <= MyReplicationSlot->data.confirmed_flush)
		return;
	pg::Call([&] {
		LogicalConfirmReceivedLocation(lsn);
		ReplicationSlotMarkDirty();
	});
}

} // namespace txsync::worker
