// The front door of txsync.so.

#include "api/clock.h"
#include "api/declaration.h"
#include "api/make_way.h"
#include "api/seats.h"
#include "api/settings.h"
#include "api/truncate.h"
#include "decoder/plugin.h"
#include "pg/server.h"
#include "worker/launcher.h"
#include "worker/settings.h"

extern "C" {
#include "utils/guc.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init();
PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *callbacks);

static_assert(std::is_same_v<decltype(&_PG_output_plugin_init), LogicalOutputPluginInit>);

void
_PG_init()
{
	txsync::api::DefineSettings();
	txsync::api::ReserveClock();
	txsync::api::FollowTransactions();
	txsync::api::WatchTruncate();
	if (!process_shared_preload_libraries_in_progress)
		return;
	txsync::worker::DefineSettings();
	MarkGUCPrefixReserved("txsync");
	txsync::api::ReserveSeats();
	txsync::api::MakeWay();
	if (!IsBinaryUpgrade)
		txsync::worker::RegisterLauncher();
}

void
_PG_output_plugin_init(OutputPluginCallbacks *callbacks)
{
	txsync::decoder::FillCallbacks(*callbacks);
}

} // extern "C"
