#include "core/utf8.h"

#include <cstdint>
#include <cstring>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

// The length that the first byte announces, and the range of the second byte that rules out overlong forms, surrogates
// and what lies beyond U+10FFFF (Unicode, table 3-7).
struct Lead
{
	size_t length;
	unsigned char second_min;
	unsigned char second_max;
};

Lead
LeadOf(unsigned char byte)
{
	if (byte < 0x80)
		return {1, 0, 0};
	if (byte < 0xC2 || byte > 0xF4)
		return {0, 0, 0};
	if (byte < 0xE0)
		return {2, 0x80, 0xBF};
	if (byte < 0xF0)
		return {3, static_cast<unsigned char>(byte == 0xE0 ? 0xA0 : 0x80),
				static_cast<unsigned char>(byte == 0xED ? 0x9F : 0xBF)};
	return {4, static_cast<unsigned char>(byte == 0xF0 ? 0x90 : 0x80),
			static_cast<unsigned char>(byte == 0xF4 ? 0x8F : 0xBF)};
}

} // namespace

size_t
ValidUtf8Length(std::string_view text)
{
	if (text.empty())
		return 0;
	auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
	Lead lead = LeadOf(byte(0));
	if (lead.length <= 1)
		return lead.length;
	if (text.size() < lead.length || byte(1) < lead.second_min || byte(1) > lead.second_max)
		return 0;
	for (size_t i = 2; i < lead.length; i++) {
		if ((byte(i) & 0xC0) != 0x80)
			return 0;
	}
	return lead.length;
}

size_t
AsciiLength(std::string_view text)
{
	constexpr uint64_t kHighBits = 0x8080808080808080;
	size_t at = 0;
	for (uint64_t bytes; text.size() - at >= sizeof bytes; at += sizeof bytes) {
		std::memcpy(&bytes, text.data() + at, sizeof bytes);
		if ((bytes & kHighBits) != 0)
			break;
	}
	while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80)
		at++;
	return at;
}

bool
IsAscii(std::string_view text)
{
	return AsciiLength(text) == text.size();
}

bool
IsValidUtf8(std::string_view text)
{
	for (text.remove_prefix(AsciiLength(text)); !text.empty(); text.remove_prefix(AsciiLength(text))) {
		size_t length = ValidUtf8Length(text);
		if (length == 0)
			return false;
		text.remove_prefix(length);
	}
	return true;
}

void
AppendValidUtf8(Buffer &out, std::string_view text)
{
	size_t start = 0;
	size_t at = 0;
	while (at < text.size()) {
		size_t length = ValidUtf8Length(text.substr(at));
		if (length > 0) {
			at += length;
			continue;
		}
		out.Append(text.substr(start, at - start));
		out.Append(kReplacement);
		start = ++at;
	}
	out.Append(text.substr(start));
}

} // namespace txsync::core
