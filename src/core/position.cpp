#include "core/position.h"

#include <bit>
#include <charconv>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

constexpr size_t kMaxBytes = 2 * (8 + 1 + 8 + 1) + 10;

char *
WriteHex(char *at, uint32_t value)
{
	static constexpr char kDigits[] = "0123456789ABCDEF";
	auto digits = (35 - std::countl_zero(value | 1)) / 4;
	for (int i = digits - 1; i >= 0; i--) {
		at[i] = kDigits[value & 15];
		value >>= 4;
	}
	return at + digits;
}

char *
WriteLsn(char *at, uint64_t lsn)
{
	at = WriteHex(at, static_cast<uint32_t>(lsn >> 32));
	*at++ = '/';
	return WriteHex(at, static_cast<uint32_t>(lsn));
}

// Writes at most kMaxBytes; returns the end.
char *
WriteTo(char *at, const Position &position)
{
	at = WriteLsn(at, position.commit_lsn);
	*at++ = '-';
	at = WriteLsn(at, position.change_lsn);
	*at++ = '-';
	return std::to_chars(at, at + 10, position.row).ptr;
}

// Takes a number off the front of `text`, and what must follow it unless that is '\0'.
bool
Take(std::string_view &text, uint32_t &number, int base, char then)
{
	auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
	if (error != std::errc())
		return false;
	text.remove_prefix(static_cast<size_t>(end - text.data()));
	if (then == '\0')
		return true;
	if (!text.starts_with(then))
		return false;
	text.remove_prefix(1);
	return true;
}

bool
TakeLsn(std::string_view &text, uint64_t &lsn)
{
	uint32_t high = 0;
	uint32_t low = 0;
	if (!Take(text, high, 16, '/') || !Take(text, low, 16, '-'))
		return false;
	lsn = uint64_t{high} << 32 | low;
	return true;
}

} // namespace

void
WriteLsn(Buffer &out, uint64_t lsn)
{
	out.CommitTo(WriteLsn(out.Reserve(kMaxBytes), lsn));
}

void
Write(Buffer &out, const Position &position)
{
	out.CommitTo(WriteTo(out.Reserve(kMaxBytes), position));
}

void
WriteBrief(Buffer &out, const Position &position)
{
	char *at = WriteLsn(out.Reserve(kMaxBytes), position.change_lsn);
	if (position.row != 0) {
		*at++ = '-';
		at = std::to_chars(at, at + 10, position.row).ptr;
	}
	out.CommitTo(at);
}

std::optional<Position>
ParsePosition(std::string_view text)
{
	Position position;
	std::string_view rest = text;
	if (!TakeLsn(rest, position.commit_lsn) || !TakeLsn(rest, position.change_lsn))
		return std::nullopt;
	if (!Take(rest, position.row, 10, '\0'))
		return std::nullopt;

	// One position has one text, so that texts can be compared for equality: no leading zeros, no lower case, no rest.
	char canonical[kMaxBytes];
	const char *end = WriteTo(canonical, position);
	if (text != std::string_view(canonical, static_cast<size_t>(end - canonical)))
		return std::nullopt;
	return position;
}

} // namespace txsync::core
