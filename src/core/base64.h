#pragma once

#include "core/buffer.h"

#include <string_view>

namespace txsync::core {

// Base64 with padding (RFC 4648, section 4).
void AppendBase64(Buffer &out, std::string_view bytes);

} // namespace txsync::core
