#pragma once
// Hexadecimal digits, lower case.

#include <array>
#include <cstddef>
#include <cstring>

namespace txsync::core {

inline constexpr char kHexDigits[] = "0123456789abcdef";

inline constexpr auto kHexPairs = [] {
	std::array<std::array<char, 2>, 256> pairs{};
	for (size_t byte = 0; byte < pairs.size(); byte++)
		pairs[byte] = {kHexDigits[byte >> 4], kHexDigits[byte & 15]};
	return pairs;
}();

// Writes the two digits of a byte; returns their end.
inline char *
FormatHex(char *at, unsigned char byte)
{
	std::memcpy(at, kHexPairs[byte].data(), 2);
	return at + 2;
}

} // namespace txsync::core
