#pragma once
// Dates and times as ISO 8601 text, from PostgreSQL's representation: days and microseconds since 2000-01-01.

#include <cstdint>

namespace txsync::core {

inline constexpr int kMaxDateTime = 40; // bytes that any of these may write

// `2026-11-21`; a year of more than 4 digits is written in full, one before 1 as ` BC` behind. Returns the end.
// `infinity` and `-infinity` are the caller's.
char *FormatDate(char *out, int32_t days);

// `2026-11-21T09:00:00.123456`: trailing zeros of the fraction are cut, and the point with them. ` BC` behind as above.
// `zone` is appended behind the time: "", "Z" or "+00:00".
char *FormatTimestamp(char *out, int64_t microseconds, const char *zone);

// An instant as `2026-11-21T09:00:00.123456Z`: always six digits of fraction, so that text order is time order.
char *FormatInstant(char *out, int64_t microseconds);

} // namespace txsync::core
