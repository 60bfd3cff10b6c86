#pragma once

#include "pg/server.h"

extern "C" {
#include "replication/output_plugin.h"
}

namespace txsync::decoder {

void FillCallbacks(OutputPluginCallbacks &callbacks);

} // namespace txsync::decoder
