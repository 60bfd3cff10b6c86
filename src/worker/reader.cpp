#include "worker/reader.h"

#include "decoder/session.h"
#include "pg/memory.h"
#include "worker/slot.h"

extern "C" {
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlogutils.h"
#include "replication/decode.h"
#include "replication/slot.h"
#include "utils/memutils.h"
}

namespace txsync::worker {

namespace {

// So many between looks at what else there is to do.
constexpr int kRecords = 100;

// The sink takes what the decoder tells: nothing comes here.
void
WriteNothing(LogicalDecodingContext *, XLogRecPtr, TransactionId, bool)
{}

// Does not wait for what is not flushed: of a record that goes over the end of a page the rest may come much later.
int
ReadFlushedPage(XLogReaderState *reader, XLogRecPtr page, int length, XLogRecPtr record, char *to)
{
	if (page + static_cast<XLogRecPtr>(length) > GetFlushRecPtr(nullptr))
		return -1;
	return read_local_xlog_page(reader, page, length, record, to);
}

} // namespace

// In a transaction: whoever begins to decode outside of one is marked as a process that writes nothing, and what it
// writes all the same is taken for aborted by those who look at it before it commits.
Reader::Reader(XLogRecPtr from, decoder::Sink &sink)
	: context_(pg::Call([&] {
		MemoryContext outer = CurrentMemoryContext;
		StartTransactionCommand();
		MemoryContextSwitchTo(TopMemoryContext);
		if (MyReplicationSlot->data.confirmed_flush > from)
			elog(ERROR, "replication slot \"%s\" was moved by somebody else", NameStr(MyReplicationSlot->data.name));
		XLogReaderRoutine routine = LocalWal();
		routine.page_read = ReadFlushedPage;
		LogicalDecodingContext *context =
			CreateDecodingContext(from, NIL, false, &routine, WriteNothing, WriteNothing, nullptr);
		XLogBeginRead(context->reader, MyReplicationSlot->data.restart_lsn);
		CommitTransactionCommand();
		MemoryContextSwitchTo(outer);
		return context;
	}))
{
	decoder::SessionOf(context_).Redirect(sink);
}

bool
Reader::HasMore() const
{
	return GetFlushRecPtr(nullptr) > std::max(Position(), end_);
}

bool
Reader::Step()
{
	pg::ContextScope scope(context_->context);
	return pg::Call([&] {
		for (int i = 0; i < kRecords; i++) {
			if (!ReadRecord())
				return false;
		}
		return true;
	});
}

// Nothing of C++ may be in its frame.
bool
Reader::ReadRecord()
{
	if (std::max(Position(), end_) >= flushed_) {
		flushed_ = GetFlushRecPtr(nullptr);
		if (std::max(Position(), end_) >= flushed_)
			return false;
	}
	// The end of what was decoded before has left another one current, and the reader keeps what it allocates.
	MemoryContextSwitchTo(context_->context);
	char *error = nullptr;
	XLogRecord *record = XLogReadRecord(context_->reader, &error);
	if (error != nullptr)
		elog(ERROR, "could not read WAL: %s", error);
	if (record == nullptr) {
		end_ = flushed_;
		return false;
	}
	LogicalDecodingProcessRecord(context_, context_->reader);
	return true;
}

} // namespace txsync::worker
