#include "worker/settings.h"

#include "pg/server.h"

extern "C" {
#include "utils/guc.h"
}

namespace txsync::worker {

namespace {

bool capture = true;
char *notify_channel;

bool
IsChannel(char **value, void **, GucSource)
{
	if (strlen(*value) < NAMEDATALEN)
		return true;
	GUC_check_errdetail("A channel's name has at most %d bytes.", NAMEDATALEN - 1);
	return false;
}

} // namespace

void
DefineSettings()
{
	DefineCustomBoolVariable("txsync.capture", "Keeps the changelog of each database that has the extension.", nullptr,
							 &capture, true, PGC_SIGHUP, 0, nullptr, nullptr, nullptr);
	DefineCustomStringVariable("txsync.notify_channel",
							   "Where the changelog's activities are notified; empty: nowhere.", nullptr,
							   &notify_channel, "txsync_activities", PGC_SIGHUP, 0, IsChannel, nullptr, nullptr);
}

bool
CaptureIsWanted()
{
	return capture;
}

const char *
NotifyChannel()
{
	return notify_channel;
}

} // namespace txsync::worker
