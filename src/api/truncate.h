#pragma once
// TRUNCATE of tracked tables, which no row trigger sees.

namespace txsync::api {

// From _PG_init: behind the answer `duplicate` it is refused, as other writes are.
void WatchTruncate();

} // namespace txsync::api
