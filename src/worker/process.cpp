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

void
PrepareProcess()
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
}

void
ReloadSettings()
{
	if (!ConfigReloadPending)
		return;
	ConfigReloadPending = false;
	pg::Call([] { ProcessConfigFile(PGC_SIGHUP); });
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
