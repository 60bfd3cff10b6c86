#pragma once
// Where a change stands in the WAL. See docs/format.md.

#include "core/buffer.h"

#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace txsync::core {

// Ordered as changes are emitted: by commit, then by place in the transaction, then by row of one WAL record.
struct Position
{
	uint64_t commit_lsn = 0; // start of the commit record
	uint64_t change_lsn = 0; // start of the change's record
	uint32_t row = 0;        // k: which row of that record (COPY and TRUNCATE write several), counted before any filter

	auto operator<=>(const Position &) const = default;
};

// `0/16B3748`: an LSN as PostgreSQL prints it.
void WriteLsn(Buffer &out, uint64_t lsn);

// `0/16B3748-0/16B3700-0`: the two LSNs as PostgreSQL prints them, upper-case hexadecimal, and k in decimal.
void Write(Buffer &out, const Position &position);

// `0/16B3700`, or `0/16B3700-2`: without the commit's LSN, and without a k that is 0.
void WriteBrief(Buffer &out, const Position &position);

// The inverse of Write(). Nothing for anything that Write() would not have written.
std::optional<Position> ParsePosition(std::string_view text);

} // namespace txsync::core
