#pragma once
// Hybrid logical clock ids: `{wallTimeMs}.{logical}.{nodeId}`, the conventional form of a transactionId.

#include "core/buffer.h"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace txsync::core {

// A view into the text it was parsed from. Ordered by wall time, then logical, then the node's bytes; never by text.
struct Hlc
{
	static constexpr uint64_t kMaxWall = (uint64_t{1} << 48) - 1;    // milliseconds since 1970: beyond year 10000
	static constexpr uint64_t kMaxLogical = (uint64_t{1} << 63) - 1; // what an SQL bigint holds
	static constexpr uint64_t kMostPerMs = 9999;                     // the highest logical that Next() counts to
	static constexpr size_t kMaxBytes = 128;

	uint64_t wall_ms = 0;
	uint64_t logical = 0;  // at least 4 digits in the text; our generator carries beyond kMostPerMs into wall_ms
	std::string_view node; // may hold dots

	// Member by member; string_view compares bytes as unsigned.
	std::strong_ordering operator<=>(const Hlc &other) const = default;
};

// Nothing if malformed: fewer than two dots, an empty part, a non-digit in wall or logical, logical shorter than 4
// digits or with a leading zero beyond 4 or beyond kMaxLogical, wall beyond kMaxWall, more than kMaxBytes bytes.
// Leading zeros in wall are well-formed: several texts may stand for one id, of which ToString() gives the canonical
// one.
std::optional<Hlc> ParseHlc(std::string_view text);

// The canonical text: no leading zeros in wall, logical zero-padded to 4 digits. ParseHlc() gives the same Hlc back if
// the node is not empty and the whole is not longer than kMaxBytes.
std::string ToString(const Hlc &hlc);

// The binary form, whose order as bytes is the ids': 6 bytes of wall time, how many bytes logical takes without leading
// zeros, these bytes, the node. Numbers are big-endian.
void AppendBinary(Buffer &out, const Hlc &hlc);

// A view into the bytes. Nothing for what AppendBinary() does not make of what ParseHlc() gives.
std::optional<Hlc> ParseBinary(std::string_view bytes);

// The next id of a clock that last gave `last` and whose wall clock shows now_ms: above `last`, whatever the wall clock
// does. Logical beyond 9999 is carried into the wall time, except at kMaxWall, which a carry would leave malformed:
// there logical goes on beyond 9999. The node is last.node. Throws std::overflow_error if no id is above `last`, which
// only an id from elsewhere can bring about: refuse those that are far ahead of the clock before they become `last`.
Hlc Next(const Hlc &last, uint64_t now_ms);

} // namespace txsync::core
