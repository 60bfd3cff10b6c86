#include "worker/settings.h"

#include "pg/server.h"

#include <limits>

extern "C" {
#include "utils/guc.h"
}

namespace txsync::worker {

namespace {

bool capture = true;
char *notify_channel;
int ledger_retention = 90 * 24 * 60;
int compaction_interval = 60 * 60;

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
	DefineCustomIntVariable("txsync.ledger_retention", "How long transactionIds are kept in the ledger, at least.",
							nullptr, &ledger_retention, ledger_retention, 2 * 24 * 60, std::numeric_limits<int>::max(),
							PGC_SIGHUP, GUC_UNIT_MIN, nullptr, nullptr, nullptr);
	DefineCustomIntVariable("txsync.compaction_interval", "How often each changelog is compacted; 0: never.", nullptr,
							&compaction_interval, compaction_interval, 0, std::numeric_limits<int>::max() / 1000,
							PGC_SIGHUP, GUC_UNIT_S, nullptr, nullptr, nullptr);
}

bool
CaptureIsWanted()
{
	return capture;
}

int
LedgerRetentionMinutes()
{
	return ledger_retention;
}

int
CompactionIntervalSeconds()
{
	return compaction_interval;
}

const char *
NotifyChannel()
{
	return notify_channel;
}

} // namespace txsync::worker
