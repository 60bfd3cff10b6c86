// The front door of txsync.so.

#include "decoder/plugin.h"
#include "pg/server.h"

extern "C" {

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_output_plugin_init(OutputPluginCallbacks *callbacks);

static_assert(std::is_same_v<decltype(&_PG_output_plugin_init), LogicalOutputPluginInit>);

void
_PG_output_plugin_init(OutputPluginCallbacks *callbacks)
{
	txsync::decoder::FillCallbacks(*callbacks);
}

} // extern "C"
