#include "core/hlc.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <iterator>
#include <limits>
#include <stdexcept>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

constexpr size_t kLogicalDigits = 4;

constexpr size_t kWallBytes = 6;
constexpr int kBitsPerByte = 8;

// Digits only, and at least one.
std::optional<uint64_t>
ParseDigits(std::string_view text)
{
	uint64_t value = 0;
	const char *end = text.data() + text.size();
	auto [stop, error] = std::from_chars(text.data(), end, value);
	if (error != std::errc() || stop != end)
		return std::nullopt;
	return value;
}

std::optional<uint64_t>
ParseLogical(std::string_view text)
{
	if (text.size() < kLogicalDigits || (text.size() > kLogicalDigits && text.front() == '0'))
		return std::nullopt;
	return ParseDigits(text);
}

void
AppendDigits(std::string &out, uint64_t value, size_t at_least)
{
	char digits[std::numeric_limits<uint64_t>::digits10 + 1];
	const char *end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
	auto size = static_cast<size_t>(end - digits);
	out.append(at_least - std::min(at_least, size), '0');
	out.append(digits, size);
}

size_t
DigitsOf(uint64_t value, size_t at_least)
{
	size_t digits = 1;
	while (value >= 10) {
		value /= 10;
		digits++;
	}
	return std::max(digits, at_least);
}

size_t
BytesOf(uint64_t value)
{
	return static_cast<size_t>(std::bit_width(value) + kBitsPerByte - 1) / kBitsPerByte;
}

void
AppendBigEndian(Buffer &out, uint64_t value, size_t size)
{
	for (size_t left = size; left > 0; left--)
		out.Append(static_cast<char>(value >> (left - 1) * kBitsPerByte));
}

uint64_t
BigEndian(std::string_view bytes)
{
	uint64_t value = 0;
	for (char byte : bytes)
		value = value << kBitsPerByte | static_cast<unsigned char>(byte);
	return value;
}

} // namespace

std::optional<Hlc>
ParseHlc(std::string_view text)
{
	if (text.size() > Hlc::kMaxBytes)
		return std::nullopt;
	size_t first = text.find('.');
	if (first == std::string_view::npos)
		return std::nullopt;
	size_t second = text.find('.', first + 1);
	if (second == std::string_view::npos || second + 1 == text.size())
		return std::nullopt;

	auto wall_ms = ParseDigits(text.substr(0, first));
	auto logical = ParseLogical(text.substr(first + 1, second - first - 1));
	if (!wall_ms || *wall_ms > Hlc::kMaxWall || !logical || *logical > Hlc::kMaxLogical)
		return std::nullopt;
	return Hlc{*wall_ms, *logical, text.substr(second + 1)};
}

std::string
ToString(const Hlc &hlc)
{
	std::string text;
	text.reserve(Hlc::kMaxBytes);
	AppendDigits(text, hlc.wall_ms, 1);
	text += '.';
	AppendDigits(text, hlc.logical, kLogicalDigits);
	text += '.';
	text += hlc.node;
	return text;
}

void
AppendBinary(Buffer &out, const Hlc &hlc)
{
	size_t logical_bytes = BytesOf(hlc.logical);
	AppendBigEndian(out, hlc.wall_ms, kWallBytes);
	AppendBigEndian(out, logical_bytes, 1);
	AppendBigEndian(out, hlc.logical, logical_bytes);
	out.Append(hlc.node);
}

std::optional<Hlc>
ParseBinary(std::string_view bytes)
{
	if (bytes.size() <= kWallBytes)
		return std::nullopt;
	uint64_t wall_ms = BigEndian(bytes.substr(0, kWallBytes));
	size_t logical_bytes = static_cast<unsigned char>(bytes[kWallBytes]);
	bytes.remove_prefix(kWallBytes + 1);
	if (logical_bytes > sizeof(uint64_t) || logical_bytes >= bytes.size())
		return std::nullopt;
	uint64_t logical = BigEndian(bytes.substr(0, logical_bytes));
	bytes.remove_prefix(logical_bytes);
	if (BytesOf(logical) != logical_bytes || logical > Hlc::kMaxLogical)
		return std::nullopt;
	if (DigitsOf(wall_ms, 1) + 1 + DigitsOf(logical, kLogicalDigits) + 1 + bytes.size() > Hlc::kMaxBytes)
		return std::nullopt;
	return Hlc{wall_ms, logical, bytes};
}

Hlc
Next(const Hlc &last, uint64_t now_ms)
{
	uint64_t now = std::min(now_ms, Hlc::kMaxWall);
	if (now > last.wall_ms)
		return {now, 0, last.node};
	if (last.logical < Hlc::kMostPerMs)
		return {last.wall_ms, last.logical + 1, last.node};
	if (last.wall_ms < Hlc::kMaxWall)
		return {last.wall_ms + 1, 0, last.node};
	if (last.logical < Hlc::kMaxLogical)
		return {last.wall_ms, last.logical + 1, last.node};
	throw std::overflow_error("no hybrid logical clock id is above the last one");
}

} // namespace txsync::core
