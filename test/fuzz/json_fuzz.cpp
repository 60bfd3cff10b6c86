// What String() writes reads back as the text, by a reader that knows only the escapes that may occur; and a
// text written in two pieces is the text written in one.

#include "core/json.h"

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
	return 0;
}
