// The output plugin as the server sees it: each callback is one step into a Session.

#include "decoder/plugin.h"

#include "decoder/session.h"
#include "decoder/warnings.h"
#include "pg/entry.h"
#include "pg/error.h"
#include "pg/malloc.h"
#include "pg/memory.h"

extern "C" {
#include "replication/output_plugin.h"
#include "replication/slot.h"
}

using txsync::decoder::Options;
using txsync::decoder::ReadOptions;
using txsync::decoder::Session;
using txsync::decoder::SessionOf;
using txsync::decoder::WarnOfWhatIsMissing;

namespace pg = txsync::pg;

namespace {

// A slot made for two-phase, or once read with it, stays so: what is told at its PREPARE is not told again at its
// commit. A session without would confirm a PREPARE that it passed over, and that transaction would never be told.
void
RefuseToLosePrepared(const ReplicationSlot &slot, const Options &options)
{
	if (!slot.data.two_phase || options.two_phase)
		return;
	throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE,
					  std::string("replication slot \"") + NameStr(slot.data.name) +
						  "\" is one with two-phase, and would lose prepared transactions without it",
					  {},
					  "Set option \"two-phase\" to on."};
}

} // namespace

extern "C" {

static void
startup(LogicalDecodingContext *context, OutputPluginOptions *plugin, bool is_init)
{
	pg::Entry([&] {
		plugin->output_type = OUTPUT_PLUGIN_TEXTUAL_OUTPUT;
		Options options = ReadOptions(context->output_plugin_options);
		if (!is_init) {
			pg::KeepFreedMemory();
			RefuseToLosePrepared(*context->slot, options);
			WarnOfWhatIsMissing(options);
		}
		// While a slot is made there is nothing to tell yet, least of all of transactions in progress.
		context->streaming = context->streaming && options.streaming && !is_init;
		context->twophase = context->twophase && options.two_phase && !is_init;
		context->twophase_opt_given = context->twophase;
		context->output_plugin_private = pg::Construct<Session>(context->context, context, std::move(options));
	});
}

static void
begin(LogicalDecodingContext *context, ReorderBufferTXN *txn)
{
	pg::Entry([&] { SessionOf(context).Begin(txn); });
}

static void
commit(LogicalDecodingContext *context, ReorderBufferTXN *, XLogRecPtr)
{
	pg::Entry([&] { SessionOf(context).Commit(); });
}

static void
change(LogicalDecodingContext *context, ReorderBufferTXN *, Relation relation, ReorderBufferChange *change)
{
	pg::Entry([&] { SessionOf(context).Change(relation, change); });
}

static void
truncate_tables(LogicalDecodingContext *context, ReorderBufferTXN *, int count, Relation relations[],
				ReorderBufferChange *change)
{
	pg::Entry([&] { SessionOf(context).Truncate(relations, count, change); });
}

static void
message(LogicalDecodingContext *context, ReorderBufferTXN *, XLogRecPtr lsn, bool transactional, const char *prefix,
		Size size, const char *bytes)
{
	pg::Entry([&] {
		if (transactional)
			SessionOf(context).Message(lsn, prefix, {bytes, size});
		else
			SessionOf(context).MessageAlone(lsn, prefix, {bytes, size});
	});
}

static bool
filter_by_origin(LogicalDecodingContext *context, RepOriginId origin)
{
	return pg::Entry([&] { return SessionOf(context).RefusesOrigin(origin); });
}

static void
stream_start(LogicalDecodingContext *context, ReorderBufferTXN *txn)
{
	pg::Entry([&] { SessionOf(context).StartBlock(txn); });
}

static void
stream_stop(LogicalDecodingContext *context, ReorderBufferTXN *)
{
	pg::Entry([&] { SessionOf(context).StopBlock(); });
}

static void
stream_abort(LogicalDecodingContext *context, ReorderBufferTXN *txn, XLogRecPtr)
{
	pg::Entry([&] { SessionOf(context).AbortStreamed(txn); });
}

static void
stream_commit(LogicalDecodingContext *context, ReorderBufferTXN *txn, XLogRecPtr commit_lsn)
{
	pg::Entry([&] { SessionOf(context).CommitStreamed(txn, commit_lsn); });
}

static void
begin_prepare(LogicalDecodingContext *context, ReorderBufferTXN *txn)
{
	pg::Entry([&] { SessionOf(context).StartBlock(txn); });
}

static void
prepare(LogicalDecodingContext *context, ReorderBufferTXN *txn, XLogRecPtr)
{
	pg::Entry([&] { SessionOf(context).Prepare(txn); });
}

static void
commit_prepared(LogicalDecodingContext *context, ReorderBufferTXN *txn, XLogRecPtr commit_lsn)
{
	pg::Entry([&] { SessionOf(context).CommitPrepared(txn, commit_lsn); });
}

static void
rollback_prepared(LogicalDecodingContext *context, ReorderBufferTXN *txn, XLogRecPtr, TimestampTz)
{
	pg::Entry([&] { SessionOf(context).RollbackPrepared(txn); });
}

} // extern "C"

namespace txsync::decoder {

void
FillCallbacks(OutputPluginCallbacks &callbacks)
{
	callbacks.startup_cb = startup;
	callbacks.begin_cb = begin;
	callbacks.change_cb = change;
	callbacks.truncate_cb = truncate_tables;
	callbacks.message_cb = message;
	callbacks.commit_cb = commit;
	callbacks.filter_by_origin_cb = filter_by_origin;

	callbacks.begin_prepare_cb = begin_prepare;
	callbacks.prepare_cb = prepare;
	callbacks.commit_prepared_cb = commit_prepared;
	callbacks.rollback_prepared_cb = rollback_prepared;

	callbacks.stream_start_cb = stream_start;
	callbacks.stream_stop_cb = stream_stop;
	callbacks.stream_abort_cb = stream_abort;
	callbacks.stream_prepare_cb = prepare;
	callbacks.stream_commit_cb = stream_commit;
	callbacks.stream_change_cb = change;
	callbacks.stream_message_cb = message;
	callbacks.stream_truncate_cb = truncate_tables;
}

} // namespace txsync::decoder
