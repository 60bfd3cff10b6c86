#pragma once
// From JSON text to jsonb's stored form: what the server's parser does for any text in several times the time.

#include "core/buffer.h"

#include <functional>
#include <string_view>

namespace txsync::core {

// Appends the numeric, with its length word, that a JSON number is.
using WriteNumeric = std::function<void(Buffer &, std::string_view)>;

// Appends the jsonb, without its length word, that a JSON object or array is; `out` ends at a multiple of 4 bytes.
// False, with something appended, for any other text and for some rare ones that are JSON: deeply nested, of millions
// of values, with \u escapes beyond ASCII, or larger than jsonb can be. Bytes beyond ASCII are not looked at.
bool WriteJsonb(Buffer &out, std::string_view json, const WriteNumeric &numeric);

} // namespace txsync::core
