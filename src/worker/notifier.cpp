#include "worker/notifier.h"

#include "core/change.h"
#include "core/datetime.h"
#include "pg/call.h"
#include "pg/encoding.h"

extern "C" {
#include "commands/async.h"
#include "utils/fmgrprotos.h"
}

namespace txsync::worker {

namespace {

constexpr double kMostOfTheQueue = 0.9;

constexpr size_t kMaxPayload = 7500;

// In the database's encoding a few texts are longer than in UTF-8.
constexpr size_t kMaxInServer = 8000;

// False if the server has no room for it.
bool
Notify(const char *channel, std::string_view payload)
{
	return pg::Call([&] {
		char *text = pg::FromUtf8(payload);
		bool fits = strlen(text) < kMaxInServer;
		if (fits)
			Async_Notify(channel, text);
		pfree(text);
		return fits;
	});
}

} // namespace

bool
NotifyQueueHasRoom()
{
	return pg::Call([] { return DatumGetFloat8(DirectFunctionCall1(pg_notification_queue_usage, 0)); }) <
		   kMostOfTheQueue;
}

void
NotifyMissed(const char *channel, int64_t id)
{
	Notify(channel, "{\"missed\":true,\"activityId\":" + std::to_string(id) + "}");
}

void
Notifier::Tell(const core::Activity &activity, int64_t id)
{
	bool has_data = activity.data.data() != nullptr;
	bool fits = (has_data && Fits(activity, id, true)) || Fits(activity, id, false);
	if (!fits || !Notify(channel_, payload_.View()))
		Notify(channel_, "{\"activityId\":" + std::to_string(id) + "}");
}

// If so it is in payload_.
bool
Notifier::Fits(const core::Activity &activity, int64_t id, bool with_data)
{
	char committed_at[core::kMaxDateTime];
	char *end = core::FormatInstant(committed_at, activity.committed_at);
	core::Change change = core::ChangeOf(activity, id, {committed_at, end});
	auto data = [&](core::Buffer &out) { out.Append(activity.data); };
	if (with_data)
		change.data = core::ValueWriter(data);
	payload_.Clear(kMaxPayload);
	core::Write(payload_, change, core::Form::kWhole);
	return payload_.Size() <= kMaxPayload;
}

} // namespace txsync::worker
