#pragma once
// Bytes that claim nothing about their encoding, made fit for JSON.

#include "core/buffer.h"

#include <string_view>

namespace txsync::core {

// How many bytes at the start of `text` are one valid UTF-8 character; 0 if it begins with none.
size_t ValidUtf8Length(std::string_view text);

// How many bytes at the start are ASCII.
size_t AsciiLength(std::string_view text);

bool IsAscii(std::string_view text);

bool IsValidUtf8(std::string_view text);

// What stands for a byte or a character that cannot be told: U+FFFD.
inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Copies valid UTF-8 as it is; a byte that belongs to no character becomes U+FFFD.
void AppendValidUtf8(Buffer &out, std::string_view text);

} // namespace txsync::core
