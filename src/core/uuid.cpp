#include "core/uuid.h"

#include "core/hex.h"

#include <array>
#include <cstdint>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

bool
IsDash(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

// Of digits, in lower case; -1 for what is none.
constexpr auto kValues = [] {
	std::array<int8_t, 256> values{};
	values.fill(-1);
	for (int i = 0; i < 16; i++)
		values[static_cast<unsigned char>(kHexDigits[i])] = static_cast<int8_t>(i);
	return values;
}();

} // namespace

char *
FormatUuid(char *at, const char *bytes)
{
	for (int group : {4, 2, 2, 2}) {
		for (int i = 0; i < group; i++)
			at = FormatHex(at, static_cast<unsigned char>(*bytes++));
		*at++ = '-';
	}
	for (int i = 0; i < 6; i++)
		at = FormatHex(at, static_cast<unsigned char>(*bytes++));
	return at;
}

bool
ParseUuid(char *at, std::string_view text)
{
	if (text.size() != kUuidText)
		return false;
	for (size_t i = 0; i < kUuidText;) {
		if (IsDash(i)) {
			if (text[i++] != '-')
				return false;
			continue;
		}
		int high = kValues[static_cast<unsigned char>(text[i])];
		int low = kValues[static_cast<unsigned char>(text[i + 1])];
		if ((high | low) < 0)
			return false;
		*at++ = static_cast<char>(high << 4 | low);
		i += 2;
	}
	return true;
}

} // namespace txsync::core
