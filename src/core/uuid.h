#pragma once
// UUIDs: their bytes, and their canonical text, lower case and with dashes.

#include <cstddef>
#include <string_view>

namespace txsync::core {

inline constexpr size_t kUuidBytes = 16;
inline constexpr size_t kUuidText = 36;

// Writes the text of kUuidBytes bytes; returns its end.
char *FormatUuid(char *at, const char *bytes);

// Writes the bytes of a canonical text. False for any other text; some bytes may be written then.
bool ParseUuid(char *at, std::string_view text);

} // namespace txsync::core
