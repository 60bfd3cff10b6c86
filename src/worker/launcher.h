#pragma once

namespace txsync::worker {

// From _PG_init while the server preloads libraries.
void RegisterLauncher();

} // namespace txsync::worker
