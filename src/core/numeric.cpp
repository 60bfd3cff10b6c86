#include "core/numeric.h"

#include <cstdint>
#include <cstring>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

// The header's two top bits: a short form (10), a special value (11), else the long form whose second bit is the sign.
constexpr uint16_t kFormMask = 0xC000;
constexpr uint16_t kShort = 0x8000;
constexpr uint16_t kSpecial = 0xC000;
constexpr uint16_t kLongNegative = 0x4000;
constexpr uint16_t kLongScaleMask = 0x3FFF;

constexpr uint16_t kShortNegative = 0x2000;
constexpr uint16_t kShortScaleMask = 0x1F80;
constexpr int kShortScaleShift = 7;
constexpr uint16_t kShortWeightSign = 0x0040;
constexpr uint16_t kShortWeightMask = 0x003F;

constexpr uint16_t kSpecialMask = 0xF000;
constexpr uint16_t kPositiveInfinity = 0xD000;
constexpr uint16_t kNegativeInfinity = 0xF000;

constexpr int kDigitsPerGroup = 4;

template <class T>
T
Load(const char *at)
{
	T value;
	std::memcpy(&value, at, sizeof value);
	return value;
}

struct Numeric
{
	bool negative;
	int weight; // of the first group of four digits: 0 is the one before the point
	int scale;  // decimal digits to show behind the point
	const char *groups;
	int count;

	int
	Group(int i) const
	{
		return i >= 0 && i < count ? Load<int16_t>(groups + i * 2) : 0;
	}
};

Numeric
Unpack(std::string_view stored)
{
	auto header = Load<uint16_t>(stored.data());
	Numeric n{};
	if ((header & kFormMask) == kShort) {
		n.negative = (header & kShortNegative) != 0;
		n.scale = (header & kShortScaleMask) >> kShortScaleShift;
		n.weight = (header & kShortWeightMask) - ((header & kShortWeightSign) != 0 ? kShortWeightSign : 0);
		n.groups = stored.data() + 2;
	} else {
		n.negative = (header & kFormMask) == kLongNegative;
		n.scale = header & kLongScaleMask;
		n.weight = Load<int16_t>(stored.data() + 2);
		n.groups = stored.data() + 4;
	}
	n.count = static_cast<int>(stored.data() + stored.size() - n.groups) / 2;
	return n;
}

// All four digits of a group.
char *
Four(char *out, int group)
{
	out[0] = static_cast<char>('0' + group / 1000);
	out[1] = static_cast<char>('0' + group / 100 % 10);
	out[2] = static_cast<char>('0' + group / 10 % 10);
	out[3] = static_cast<char>('0' + group % 10);
	return out + kDigitsPerGroup;
}

char *
IntegerPart(char *out, const Numeric &n)
{
	if (n.weight < 0) {
		*out = '0';
		return out + 1;
	}
	char first[kDigitsPerGroup];
	Four(first, n.Group(0));
	int skip = 0;
	while (skip < kDigitsPerGroup - 1 && first[skip] == '0')
		skip++;
	std::memcpy(out, first + skip, static_cast<size_t>(kDigitsPerGroup - skip));
	out += kDigitsPerGroup - skip;
	for (int i = 1; i <= n.weight; i++)
		out = Four(out, n.Group(i));
	return out;
}

char *
FractionPart(char *out, const Numeric &n)
{
	if (n.scale == 0)
		return out;
	*out++ = '.';
	char *end = out + n.scale;
	for (int i = n.weight + 1; out < end; i++)
		out = Four(out, n.Group(i));
	return end;
}

} // namespace

bool
IsSpecialNumeric(std::string_view stored)
{
	return (Load<uint16_t>(stored.data()) & kFormMask) == kSpecial;
}

void
FormatNumeric(Buffer &out, std::string_view stored)
{
	if (IsSpecialNumeric(stored)) {
		auto kind = static_cast<uint16_t>(Load<uint16_t>(stored.data()) & kSpecialMask);
		out.Append(kind == kPositiveInfinity ? "Infinity" : kind == kNegativeInfinity ? "-Infinity" : "NaN");
		return;
	}
	Numeric n = Unpack(stored);
	int integer_digits = n.weight < 0 ? 1 : (n.weight + 1) * kDigitsPerGroup;
	char *at = out.Reserve(static_cast<size_t>(integer_digits + n.scale + 2 + kDigitsPerGroup));
	if (n.negative)
		*at++ = '-';
	at = IntegerPart(at, n);
	out.CommitTo(FractionPart(at, n));
}

} // namespace txsync::core
