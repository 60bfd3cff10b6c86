#pragma once
// Identifiers, and how PostgreSQL's quote_ident() writes them.

#include <string>
#include <string_view>

#include "unit/random.h"

namespace txsync::test {

// 1 to 63 bytes of any value but NUL; in half of them those with a meaning in lists and patterns prevail.
inline std::string
Identifier(Random &random)
{
	std::string name = random.Below(2) == 0 ? random.Text(1 + random.Below(8), "\"\",.* aA_%\n\t")
											: random.Bytes(1 + random.Below(63));
	for (char &c : name) {
		if (c == '\0')
			c = '"';
	}
	return name;
}

// quote_ident() has reserved words in quotes as well: these are the simpler case.
inline std::string
QuoteIdent(std::string_view name)
{
	constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz_";
	constexpr std::string_view kSafe = "abcdefghijklmnopqrstuvwxyz_0123456789";
	if (kLetters.find(name.front()) != kLetters.npos && name.find_first_not_of(kSafe) == name.npos)
		return std::string(name);
	std::string quoted = "\"";
	for (char c : name)
		quoted += c == '"' ? "\"\"" : std::string(1, c);
	return quoted + '"';
}

} // namespace txsync::test
