#pragma once
// A place in the WAL, as PostgreSQL prints it: two halves in hexadecimal.

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

namespace txsync::client {

using Lsn = uint64_t;

inline std::string
FormatLsn(Lsn lsn)
{
	char text[18];
	std::snprintf(text, sizeof(text), "%" PRIX64 "/%" PRIX64, lsn >> 32, lsn & UINT32_MAX);
	return text;
}

// Nothing for what is no LSN.
inline std::optional<Lsn>
ParseLsn(const std::string &text)
{
	uint32_t high = 0;
	uint32_t low = 0;
	if (std::sscanf(text.c_str(), "%" SCNx32 "/%" SCNx32, &high, &low) != 2)
		return std::nullopt;
	return Lsn{high} << 32 | low;
}

} // namespace txsync::client
