#include "decoder/output.h"

#include "core/json.h"
#include "pg/call.h"

extern "C" {
#include "mb/pg_wchar.h"
#include "replication/output_plugin.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
}

namespace txsync::decoder {

namespace {

// A message per record costs more than formatting the record, and each wakes the reader; a larger one gains nothing.
constexpr size_t kBatchBytes = 128 * 1024;

// What a line may grow the buffer to before its memory is given back.
constexpr size_t kKeepBytes = 1024 * 1024;

// A walsender can also run the SQL functions, which return a row per message.
bool
IsStreaming()
{
	return am_walsender && MyWalSnd != nullptr && MyWalSnd->state != WALSNDSTATE_STARTUP;
}

// A function's row is text in the database's encoding; in SQL_ASCII any bytes are that.
bool
NeedsAscii()
{
	int encoding = GetDatabaseEncoding();
	return encoding != PG_UTF8 && encoding != PG_SQL_ASCII && !IsStreaming();
}

} // namespace

bool
Output::Batches() const
{
	return batch_ == Options::Batch::kAuto ? IsStreaming() : batch_ == Options::Batch::kOn;
}

size_t
Output::SizeOf(std::string_view line)
{
	return NeedsAscii() ? core::json::AsciiSize(line) : line.size();
}

void
Output::EndLine()
{
	lines_.Append('\n');
	complete_ = lines_.Size();
	if (lines_.Size() >= kBatchBytes || !Batches())
		Flush();
}

void
Output::Tell(const core::Control &control)
{
	core::Write(BeginLine(), control);
	EndLine();
}

void
Output::Flush()
{
	if (complete_ == 0)
		return;
	std::string_view message = lines_.View().substr(0, complete_);
	message.remove_suffix(1); // the last newline: it separates
	core::Buffer ascii;
	if (NeedsAscii()) {
		core::json::Ascii(ascii, message);
		message = ascii.View();
	}
	pg::Call([&] {
		OutputPluginPrepareWrite(context_, true);
		appendBinaryStringInfo(context_->out, message.data(), static_cast<int>(message.size()));
		OutputPluginWrite(context_, true);
	});
	lines_.Clear(kKeepBytes);
	complete_ = 0;
	sent_ = true;
	silent_ = 0;
}

void
Output::KeepAlive()
{
	silent_ = 0;
	pg::Call([&] { OutputPluginUpdateProgress(context_, false); });
}

void
Output::EndTransaction()
{
	Flush();
	pg::Call([&] { OutputPluginUpdateProgress(context_, !sent_); });
	sent_ = false;
}

} // namespace txsync::decoder
