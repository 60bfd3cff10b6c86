#pragma once

#include "pg/server.h"

namespace txsync::pg {

// UTF-8 in the database's encoding, palloc'd; what has no counterpart there becomes a question mark. To be called
// through Call, in a transaction.
char *FromUtf8(std::string_view text);

} // namespace txsync::pg
