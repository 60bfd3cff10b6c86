// What comes out is UTF-8, by a decoder that encodes again what it read; and what already was comes out as it is.

#include "core/utf8.h"

#include <cstdint>
#include <string>

#include "fuzz/require.h"

using txsync::core::AppendValidUtf8;
using txsync::core::Buffer;
using txsync::core::ValidUtf8Length;
using txsync::fuzz::Require;

namespace {

std::string
Encode(uint32_t code, int following)
{
	constexpr uint32_t kLead[] = {0x00, 0xC0, 0xE0, 0xF0};
	std::string bytes(1, static_cast<char>(kLead[following] | code >> (6 * following)));
	while (following-- > 0)
		bytes += static_cast<char>(0x80 | (code >> (6 * following) & 0x3F));
	return bytes;
}

// How many bytes at the start are a character: the shortest encoding of a code that is one.
size_t
CharacterLength(std::string_view text)
{
	for (int following = 0; following < 4 && static_cast<size_t>(following) < text.size(); following++) {
		constexpr uint32_t kLeadBits[] = {0x7F, 0x1F, 0x0F, 0x07};
		constexpr uint32_t kFirst[] = {0, 0x80, 0x800, 0x10000};
		uint32_t code = static_cast<unsigned char>(text[0]) & kLeadBits[following];
		for (int i = 1; i <= following; i++)
			code = code << 6 | (static_cast<unsigned char>(text[static_cast<size_t>(i)]) & 0x3F);
		bool character = code >= kFirst[following] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
		if (character && text.starts_with(Encode(code, following)))
			return static_cast<size_t>(following) + 1;
	}
	return 0;
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	std::string_view text(reinterpret_cast<const char *>(data), size);
	std::string expected;
	for (std::string_view rest = text; !rest.empty();) {
		size_t length = CharacterLength(rest);
		Require(ValidUtf8Length(rest) == length);
		expected += length > 0 ? rest.substr(0, length) : "\xEF\xBF\xBD";
		rest.remove_prefix(length > 0 ? length : 1);
	}

	Buffer valid;
	AppendValidUtf8(valid, text);
	Require(valid.View() == expected);
	Buffer again;
	AppendValidUtf8(again, valid.View());
	Require(again.View() == valid.View());
	Require(txsync::core::IsValidUtf8(valid.View()));
	Require(txsync::core::IsValidUtf8(text) == (valid.View() == text));
	return 0;
}
