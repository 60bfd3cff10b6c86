#pragma once
// From UTF-8, in which everything is told, to the database's encoding. What that lacks becomes a question mark. To be
// called through Call, in a transaction; results are palloc'd.

#include "pg/server.h"

namespace txsync::pg {

char *FromUtf8(std::string_view utf8);

// The text itself where it need not be converted, so that it lives as long as that.
std::string_view ViewFromUtf8(std::string_view utf8);

text *TextFromUtf8(std::string_view utf8);

} // namespace txsync::pg
