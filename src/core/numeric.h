#pragma once
// PostgreSQL's numeric, from its stored form to text.

#include "core/buffer.h"

#include <string_view>

namespace txsync::core {

// `stored` is the value without its length word: header, weight and base-10000 digits as they lie on disk, in the
// machine's byte order. Writes what numeric_out gives: `-12.50`, `NaN`, `Infinity`, `-Infinity`.
void FormatNumeric(Buffer &out, std::string_view stored);

// Whether it is NaN or infinite, which JSON has no number for.
bool IsSpecialNumeric(std::string_view stored);

} // namespace txsync::core
