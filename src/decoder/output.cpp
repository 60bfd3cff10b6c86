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

// Whether text in the database's encoding may be other bytes than the same text in UTF-8; in SQL_ASCII any bytes are
// text.
bool
HasOtherBytes()
{
	int encoding = GetDatabaseEncoding();
	return encoding != PG_UTF8 && encoding != PG_SQL_ASCII;
}

// A function's row is text in the database's encoding.
bool
NeedsAscii()
{
	return HasOtherBytes() && !IsStreaming();
}

// The bytes that a line may have when it is sent: in some encodings more than it has here.
size_t
SizeOf(std::string_view line)
{
	return HasOtherBytes() ? core::json::AsciiSize(line) : line.size();
}

// What is left of a change without all that each form writes alike.
core::Change
Bare(const core::Change &change)
{
	constexpr std::string_view kNotNull = "";
	static constinit auto nothing = [](core::Buffer &) {};
	auto bare_text = [&](std::string_view text) { return text.data() != nullptr ? kNotNull : text; };
	core::Change bare;
	bare.position = change.position;
	bare.committed_at = change.committed_at;
	bare.entity_type = bare_text(change.entity_type);
	bare.entity_id = bare_text(change.entity_id);
	bare.organization_id = bare_text(change.organization_id);
	bare.action = change.action;
	bare.changed_keys.known = change.changed_keys.known;
	bare.tx = change.tx;
	bare.version = change.version;
	bare.row_version = change.row_version;
	if (change.data)
		bare.data = core::ValueWriter(nothing);
	bare.xid = change.xid;
	return bare;
}

size_t
SizeOf(const core::Change &change, core::Form form)
{
	core::Buffer line;
	core::Write(line, change, form);
	return SizeOf(line.View());
}

// How much longer the longest line is that any mode or form makes of the change.
size_t
LeftOut(const core::Change &change, core::Form form)
{
	core::Change bare = Bare(change);
	core::Change longest = bare;
	longest.position = {UINT64_MAX, UINT64_MAX, UINT32_MAX};
	longest.committed_at = "294276-12-31T23:59:59.999999Z";
	longest.xid = UINT32_MAX;
	return SizeOf(longest, core::Form::kWhole) - SizeOf(bare, form);
}

// The most that it may be: names of members that are null, the place, the xid, a version that is the tx's id with each
// byte escaped.
constexpr size_t kMostLeftOut = 2048;

// A buffer that must not grow beyond a size, for a scope: an error of the server's may end it, too.
class Limited
{
public:
	Limited(core::Buffer &buffer, size_t size)
		: buffer_(buffer)
	{
		buffer_.LimitTo(size);
	}
	Limited(const Limited &) = delete;
	~Limited()
	{
		buffer_.LimitTo(SIZE_MAX);
	}

private:
	core::Buffer &buffer_;
};

} // namespace

bool
Output::Batches() const
{
	return options_.batch == Options::Batch::kAuto ? IsStreaming() : options_.batch == Options::Batch::kOn;
}

void
Output::End()
{
	lines_.Append('\n');
	complete_ = lines_.Size();
	if (lines_.Size() >= kBatchBytes || !Batches())
		Flush();
}

void
Output::Write(core::Buffer &line, const core::Change &change, std::string_view)
{
	if (WriteWithin(line, change))
		return;
	core::Change small = change;
	small.data = {};
	small.old = {};
	small.truncated = true;
	if (WriteWithin(line, small))
		return;
	small.old_key = {};
	small.entity_id = {};
	small.organization_id = {};
	core::Write(line, small, options_.form);
}

// False, and nothing written, if the line would be too long. The buffer may grow a little beyond that, for what
// formatters reserve but do not use.
bool
Output::WriteWithin(core::Buffer &line, const core::Change &change)
{
	constexpr size_t kSlack = size_t{1} << 20;
	size_t start = line.Size();
	bool fits = true;
	Limited limited(line, start + options_.max_record_bytes + kSlack);
	try {
		core::Write(line, change, options_.form);
		fits = Fits(line.Since(start), change);
	} catch (const core::BufferFull &) {
		fits = false;
	}
	if (!fits)
		line.Truncate(start);
	return fits;
}

// Not the line's own length decides, but that of the longest that stands for the change: so the same row is told in the
// same way in every pass. Where the two cannot be on different sides of the limit the latter is not looked for.
bool
Output::Fits(std::string_view line, const core::Change &change) const
{
	size_t size = SizeOf(line);
	size_t limit = options_.max_record_bytes;
	return size + kMostLeftOut <= limit || size + LeftOut(change, options_.form) <= limit;
}

void
Output::Tell(const core::Control &control)
{
	core::Write(Begin(), control);
	End();
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
