#pragma once
// Numbers of 64 bits in as few bytes as they take: 7 bits a byte, the lowest first; all but the last have the eighth.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace txsync::core {

constexpr size_t kMaxVarint = 10;

// Returns where the number's bytes end.
inline char *
PutVarint(char *at, uint64_t number)
{
	for (; number >= 0x80; number >>= 7)
		*at++ = static_cast<char>(number | 0x80);
	*at++ = static_cast<char>(number);
	return at;
}

// Any number, whatever its length.
bool TakeLongVarint(std::string_view &rest, uint64_t &number);

// False where `rest` does not begin with a number. Most have one byte.
inline bool
TakeVarint(std::string_view &rest, uint64_t &number)
{
	if (rest.empty() || static_cast<unsigned char>(rest.front()) >= 0x80)
		return TakeLongVarint(rest, number);
	number = static_cast<unsigned char>(rest.front());
	rest.remove_prefix(1);
	return true;
}

} // namespace txsync::core
