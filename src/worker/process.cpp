#include "worker/process.h"

extern "C" {
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/wait_event.h"
}

namespace txsync::worker {

BackgroundWorker
Describe(const char *type, const char *function)
{
	BackgroundWorker worker = {};
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	strlcpy(worker.bgw_library_name, "txsync", sizeof worker.bgw_library_name);
	strlcpy(worker.bgw_function_name, function, sizeof worker.bgw_function_name);
	strlcpy(worker.bgw_name, type, sizeof worker.bgw_name);
	strlcpy(worker.bgw_type, type, sizeof worker.bgw_type);
	return worker;
}

bool
Start(const char *type, const char *function, Oid database, int64_t ticket)
{
	BackgroundWorker worker = Describe(type, function);
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = ObjectIdGetDatum(database);
	worker.bgw_notify_pid = MyProcPid;
	memcpy(worker.bgw_extra, &ticket, sizeof ticket);
	return pg::Call([&] { return RegisterDynamicBackgroundWorker(&worker, nullptr); });
}

int64_t
Ticket()
{
	int64_t ticket;
	memcpy(&ticket, MyBgworkerEntry->bgw_extra, sizeof ticket);
	return ticket;
}

void
PrepareProcess()
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
}

void
PinSettings()
{
	struct Setting
	{
		const char *name;
		const char *value;
	};
	static constexpr Setting kPinned[] = {
		{"search_path", "pg_catalog"},
		{"synchronous_commit", "local"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"statement_timeout", "0"},
		{"lock_timeout", "0"},
		{"idle_in_transaction_session_timeout", "0"},
		{"transaction_timeout", "0"},
		{"temp_file_limit", "-1"},
		{"session_replication_role", "replica"}, // event triggers stay out of it
		{"event_triggers", "off"},
		{"row_security", "off"},
	};
	for (const Setting &setting : kPinned) {
		if (GetConfigOption(setting.name, true, false) != nullptr)
			SetConfigOption(setting.name, setting.value, PGC_SUSET, PGC_S_OVERRIDE);
	}
}

void
ReloadSettings()
{
	if (!ConfigReloadPending)
		return;
	ConfigReloadPending = false;
	pg::Call([] { ProcessConfigFile(PGC_SIGHUP); });
}

pg::Failure
Copy(const ErrorData &error)
{
	auto text = [](const char *part) { return std::string(part != nullptr ? part : ""); };
	return {error.sqlerrcode, text(error.message), text(error.detail), text(error.hint)};
}

void
Sleep(long milliseconds)
{
	pg::Call([&] {
		WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	});
}

} // namespace txsync::worker
