#pragma once
// JSON text, written straight into a Buffer. UTF-8 in, UTF-8 out; commas and braces are the caller's.

#include "core/buffer.h"

#include <cstdint>
#include <string_view>

namespace txsync::core::json {

// A JSON string: quotes and text, escaped. `text` is valid UTF-8 (bytes ≥ 0x80 are copied as they are).
void String(Buffer &out, std::string_view text);

// The same, or `null` for a text whose data() is null.
inline void
StringOrNull(Buffer &out, std::string_view text)
{
	if (text.data() == nullptr)
		out.Append("null");
	else
		String(out, text);
}

// The inside of a JSON string: escaped, without the quotes, so that a value can be written in pieces.
void Escaped(Buffer &out, std::string_view text);

// How many bytes at the start stand for themselves in a JSON string.
size_t PlainLength(std::string_view text);

// JSON as pure ASCII: characters beyond it, which only strings can hold, become \uXXXX. A byte that is not of a valid
// UTF-8 character becomes \ufffd.
void Ascii(Buffer &out, std::string_view json);

// The bytes that Ascii() would write.
size_t AsciiSize(std::string_view json);

void Integer(Buffer &out, int64_t value);

// `"name":` as it stands in front of a member's value.
void Key(Buffer &out, std::string_view name);

} // namespace txsync::core::json
