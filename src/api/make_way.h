#pragma once

namespace txsync::api {

// From _PG_init while the server preloads libraries: commands that want a database for themselves get it from its
// workers, and capture learns that the extension is dropped.
void MakeWay();

} // namespace txsync::api
