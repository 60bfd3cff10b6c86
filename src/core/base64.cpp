#include "core/base64.h"

#include <cstdint>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// How many digits stand for so many bytes, without padding.
size_t
DigitsFor(size_t bytes)
{
	return (bytes * 4 + 2) / 3;
}

void
Append(Buffer &out, std::string_view bytes, std::string_view digits)
{
	char *at = out.Reserve((bytes.size() + 2) / 3 * 4);
	for (size_t i = 0; i < bytes.size(); i += 3) {
		auto byte = [&](size_t k) -> uint32_t {
			return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0;
		};
		uint32_t word = byte(0) << 16 | byte(1) << 8 | byte(2);
		*at++ = digits[word >> 18];
		*at++ = digits[word >> 12 & 63];
		*at++ = i + 1 < bytes.size() ? digits[word >> 6 & 63] : '=';
		*at++ = i + 2 < bytes.size() ? digits[word & 63] : '=';
	}
	out.CommitTo(at);
}

} // namespace

void
AppendBase64(Buffer &out, std::string_view bytes)
{
	Append(out, bytes, kDigits);
}

void
AppendBase64Url(Buffer &out, std::string_view bytes)
{
	size_t start = out.Size();
	Append(out, bytes, kUrlDigits);
	out.Truncate(start + DigitsFor(bytes.size()));
}

std::optional<std::string>
FromBase64Url(std::string_view text)
{
	std::string bytes;
	uint32_t word = 0;
	unsigned bits = 0; // of the word that are still to be taken
	for (char digit : text) {
		size_t value = kUrlDigits.find(digit);
		if (value == kUrlDigits.npos)
			return {};
		word = word << 6 | static_cast<uint32_t>(value);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			bytes += static_cast<char>(word >> bits & 0xFF);
		}
	}
	bool has_rest = (word & ((1U << bits) - 1)) != 0;
	if (has_rest || DigitsFor(bytes.size()) != text.size())
		return {};
	return bytes;
}

} // namespace txsync::core
