#pragma once
// Finding the ends of values in JSON text that is known to be well-formed; of text that is not, some place in it.

#include <cstddef>
#include <string_view>

namespace txsync::core {

// Behind the string at whose quote `json` starts.
size_t EndOfString(std::string_view json);

// Behind the value that `json` starts with.
size_t EndOfValue(std::string_view json);

} // namespace txsync::core
