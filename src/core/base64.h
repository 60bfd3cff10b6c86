#pragma once

#include "core/buffer.h"

#include <optional>
#include <string>
#include <string_view>

namespace txsync::core {

// Base64 with padding (RFC 4648, section 4).
void AppendBase64(Buffer &out, std::string_view bytes);

// For URLs, without padding (section 5).
void AppendBase64Url(Buffer &out, std::string_view bytes);

// The inverse. Nothing for what AppendBase64Url() would not have written.
std::optional<std::string> FromBase64Url(std::string_view text);

} // namespace txsync::core
