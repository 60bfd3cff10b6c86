// The output plugin as the server sees it: each callback is one step into a Session.

#include "decoder/plugin.h"

#include "decoder/session.h"
#include "pg/entry.h"
#include "pg/memory.h"

extern "C" {
#include "replication/output_plugin.h"
}

using txsync::decoder::Options;
using txsync::decoder::ReadOptions;
using txsync::decoder::Session;

namespace pg = txsync::pg;

namespace {

Session &
SessionOf(LogicalDecodingContext *context)
{
	return *static_cast<Session *>(context->output_plugin_private);
}

} // namespace

extern "C" {

static void
startup(LogicalDecodingContext *context, OutputPluginOptions *plugin, bool)
{
	pg::Entry([&] {
		plugin->output_type = OUTPUT_PLUGIN_TEXTUAL_OUTPUT;
		Options options = ReadOptions(context->output_plugin_options);
		context->output_plugin_private = pg::Construct<Session>(context->context, context, options);
	});
}

static void
begin(LogicalDecodingContext *context, ReorderBufferTXN *txn)
{
	pg::Entry([&] { SessionOf(context).Begin(txn); });
}

static void
change(LogicalDecodingContext *context, ReorderBufferTXN *, Relation relation, ReorderBufferChange *change)
{
	pg::Entry([&] { SessionOf(context).Change(relation, change); });
}

static void
message(LogicalDecodingContext *context, ReorderBufferTXN *, XLogRecPtr, bool transactional, const char *prefix,
		Size size, const char *bytes)
{
	if (transactional)
		pg::Entry([&] { SessionOf(context).Message(prefix, {bytes, size}); });
}

static void
commit(LogicalDecodingContext *context, ReorderBufferTXN *, XLogRecPtr)
{
	pg::Entry([&] { SessionOf(context).Commit(); });
}

} // extern "C"

namespace txsync::decoder {

void
FillCallbacks(OutputPluginCallbacks &callbacks)
{
	callbacks.startup_cb = startup;
	callbacks.begin_cb = begin;
	callbacks.change_cb = change;
	callbacks.message_cb = message;
	callbacks.commit_cb = commit;
}

} // namespace txsync::decoder
