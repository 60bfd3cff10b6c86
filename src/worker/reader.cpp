#include "worker/reader.h"

#include "decoder/session.h"
#include "worker/slot.h"

extern "C" {
#include "access/xact.h"
#include "access/xlog.h"
#include "nodes/makefuncs.h"
#include "replication/decode.h"
#include "replication/slot.h"
#include "utils/memutils.h"
}

namespace txsync::worker {

namespace {

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

// In a transaction: whoever begins to decode outside of one is marked as a process that writes nothing, and what it
// writes all the same is taken for aborted by those who look at it before it commits.
Reader::Reader(XLogRecPtr from, decoder::Sink &sink)
	: context_(pg::Call([&] {
		MemoryContext outer = CurrentMemoryContext;
		StartTransactionCommand();
		MemoryContextSwitchTo(TopMemoryContext);
		XLogReaderRoutine routine = LocalWal();
		LogicalDecodingContext *context =
			CreateDecodingContext(from, PluginOptions(), false, &routine, WriteNothing, WriteNothing, nullptr);
		XLogBeginRead(context->reader, MyReplicationSlot->data.restart_lsn);
		CommitTransactionCommand();
		MemoryContextSwitchTo(outer);
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

} // namespace txsync::worker
