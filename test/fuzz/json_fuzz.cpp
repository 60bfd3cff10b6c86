// What String() writes reads back as the text, by a reader that knows only the escapes that may occur; and a
// text written in two pieces is the text written in one. Ascii() writes ASCII, which reads back as what it was.

#include "core/json.h"
#include "core/utf8.h"

#include <cstdint>
#include <string>

#include "fuzz/require.h"

using txsync::core::Buffer;
using txsync::fuzz::Require;
namespace json = txsync::core::json;

namespace {

// The character that the escape behind a backslash stands for; `at` is left on its last byte.
char
Unescape(std::string_view written, size_t &at)
{
	constexpr std::string_view kNames = "\"\\bfnrt";
	size_t found = kNames.find(written.at(at));
	if (found != kNames.npos)
		return "\"\\\b\f\n\r\t"[found];
	constexpr std::string_view kHex = "0123456789abcdef";
	Require(written.substr(at, 3) == "u00");
	size_t high = kHex.find(written.at(at + 3));
	size_t low = kHex.find(written.at(at + 4));
	Require(high < 2 && low < 16);
	at += 4;
	char c = static_cast<char>(high * 16 + low);
	Require(kNames.find(c) == kNames.npos && std::string_view("\b\f\n\r\t").find(c) == kNames.npos);
	return c;
}

std::string
Read(std::string_view written)
{
	Require(written.size() >= 2 && written.front() == '"' && written.back() == '"');
	written = written.substr(1, written.size() - 2);
	std::string text;
	for (size_t at = 0; at < written.size(); at++) {
		char c = written[at];
		Require(static_cast<unsigned char>(c) >= 0x20 && c != '"');
		text += c == '\\' ? Unescape(written, ++at) : c;
	}
	return text;
}

uint32_t
Unit(std::string_view ascii, size_t at)
{
	constexpr std::string_view kHex = "0123456789abcdef";
	Require(ascii.substr(at, 2) == "\\u");
	uint32_t unit = 0;
	for (char c : ascii.substr(at + 2, 4)) {
		Require(kHex.find(c) != kHex.npos);
		unit = unit << 4 | static_cast<uint32_t>(kHex.find(c));
	}
	return unit;
}

// Walks along `json`, which is UTF-8, and what Ascii() made of it.
void
RequireAsciiOf(std::string_view json, std::string_view ascii)
{
	size_t at = 0;
	for (size_t length; !json.empty(); json.remove_prefix(length)) {
		length = txsync::core::ValidUtf8Length(json);
		if (length == 1) {
			Require(ascii.at(at++) == json[0]);
			continue;
		}
		uint32_t code = static_cast<unsigned char>(json[0]) & (0x7FU >> length);
		for (char c : json.substr(1, length - 1))
			code = code << 6 | (static_cast<unsigned char>(c) & 0x3F);
		uint32_t unit = Unit(ascii, at);
		at += 6;
		if (length == 4) {
			unit = 0x10000 + ((unit - 0xD800) << 10) + Unit(ascii, at) - 0xDC00;
			at += 6;
		}
		Require(unit == code);
	}
	Require(at == ascii.size());
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	std::string_view text(reinterpret_cast<const char *>(data), size);
	Buffer whole;
	json::String(whole, text);
	Require(Read(whole.View()) == text);

	size_t cut = size == 0 ? 0 : data[0] % (size + 1);
	Buffer pieces;
	pieces.Append('"');
	json::Escaped(pieces, text.substr(0, cut));
	json::Escaped(pieces, text.substr(cut));
	pieces.Append('"');
	Require(pieces.View() == whole.View());

	Buffer utf8;
	Buffer ascii;
	txsync::core::AppendValidUtf8(utf8, text);
	json::Ascii(ascii, utf8.View());
	RequireAsciiOf(utf8.View(), ascii.View());
	return 0;
}
