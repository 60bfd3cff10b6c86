#pragma once
// Bytes that claim nothing about their encoding, made fit for JSON.

#include "core/buffer.h"

#include <string_view>

namespace txsync::core {

// How many bytes at the start of `text` are one valid UTF-8 character; 0 if it begins with none.
size_t ValidUtf8Length(std::string_view text);

// Copies valid UTF-8 as it is; a byte that belongs to no character becomes U+FFFD.
void AppendValidUtf8(Buffer &out, std::string_view text);

} // namespace txsync::core
