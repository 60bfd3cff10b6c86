#include "core/numeric.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "unit/random.h"

namespace txsync::core {
namespace {

// The stored words: header, weight in the long form, groups.
std::string
Format(const std::vector<uint16_t> &words)
{
	Buffer out;
	out.Append('=');
	FormatNumeric(out, {reinterpret_cast<const char *>(words.data()), words.size() * 2});
	return std::string(out.View().substr(1));
}

bool
IsSpecial(const std::vector<uint16_t> &words)
{
	return IsSpecialNumeric({reinterpret_cast<const char *>(words.data()), words.size() * 2});
}

TEST(Numeric, ByHand)
{
	EXPECT_EQ(Format({0x8000}), "0");
	EXPECT_EQ(Format({0x8100}), "0.00");
	EXPECT_EQ(Format({0x8000, 7}), "7");
	EXPECT_EQ(Format({0xA100, 12, 5000}), "-12.50");
	EXPECT_EQ(Format({0x8001, 1}), "10000");
	EXPECT_EQ(Format({0x8001, 1, 2}), "10002");
	EXPECT_EQ(Format({0x80FF, 1000}), "0.1");
	EXPECT_EQ(Format({0x82FE, 1000}), "0.00001");
	EXPECT_EQ(Format({0x4002, 0, 12, 5000}), "-12.50");
	EXPECT_EQ(Format({0x0002, 0xFFFE, 1}), "0.00");
}

TEST(Numeric, Special)
{
	// The long form of old: a weight behind the header.
	for (size_t words : {1, 2}) {
		std::vector<uint16_t> stored(words);
		for (auto [header, text] :
			 {std::pair(0xC000, "NaN"), std::pair(0xD000, "Infinity"), std::pair(0xF000, "-Infinity")}) {
			stored[0] = static_cast<uint16_t>(header);
			EXPECT_TRUE(IsSpecial(stored)) << text;
			EXPECT_EQ(Format(stored), text);
		}
	}
}

// Base-10000 groups of a decimal text, as the server stores them: no zero group at either end.
struct Groups
{
	explicit Groups(std::string text)
	{
		negative = text[0] == '-';
		if (negative)
			text.erase(0, 1);
		size_t point = std::min(text.find('.'), text.size());
		std::string fraction = point < text.size() ? text.substr(point + 1) : "";
		std::string digits = text.substr(0, point);
		scale = static_cast<int>(fraction.size());
		digits.insert(0, (4 - digits.size() % 4) % 4, '0');
		weight = static_cast<int>(digits.size()) / 4 - 1;
		digits += fraction;
		digits.append((4 - digits.size() % 4) % 4, '0');
		for (size_t at = 0; at < digits.size(); at += 4)
			groups.push_back(static_cast<uint16_t>(std::atoi(digits.substr(at, 4).c_str())));
		while (!groups.empty() && groups.back() == 0)
			groups.pop_back();
		while (!groups.empty() && groups.front() == 0) {
			groups.erase(groups.begin());
			weight--;
		}
		if (groups.empty())
			weight = 0;
	}

	bool
	FitShort() const
	{
		return scale <= 63 && weight >= -64 && weight <= 63;
	}

	std::vector<uint16_t>
	Short() const
	{
		int sign = negative ? 0x2000 : 0;
		int header = 0x8000 + sign + scale * 0x80 + (weight < 0 ? 0x40 + (64 + weight) : weight);
		std::vector<uint16_t> words = {static_cast<uint16_t>(header)};
		words.insert(words.end(), groups.begin(), groups.end());
		return words;
	}

	std::vector<uint16_t>
	Long() const
	{
		int header = (negative ? 0x4000 : 0) + scale;
		std::vector<uint16_t> words = {static_cast<uint16_t>(header), static_cast<uint16_t>(weight)};
		words.insert(words.end(), groups.begin(), groups.end());
		return words;
	}

	bool negative;
	int scale;
	int weight;
	std::vector<uint16_t> groups;
};

// Many zeros, so that groups are missing at either end and between.
std::string
RandomDecimal(test::Random &random, size_t most_integer, size_t most_fraction)
{
	auto digits = [&](size_t size) {
		std::string text = random.Text(size, random.Below(2) == 0 ? "0123456789" : "00000000009");
		size_t from = random.Below(size + 1);
		if (random.Below(2) == 0)
			text.replace(from, random.Below(size - from + 1), random.Below(size - from + 1), '0');
		return text;
	};
	std::string integer = digits(random.Below(most_integer + 1));
	integer.erase(0, std::min(integer.find_first_not_of('0'), integer.size()));
	std::string fraction = digits(random.Below(most_fraction + 1));
	std::string text = integer.empty() ? "0" : integer;
	if (!fraction.empty())
		text += '.' + fraction;
	bool zero = text.find_first_not_of("0.") == text.npos;
	return (!zero && random.Below(2) == 0 ? "-" : "") + text;
}

void
ExpectBothForms(const std::string &text)
{
	Groups groups(text);
	ASSERT_EQ(Format(groups.Long()), text);
	ASSERT_FALSE(IsSpecial(groups.Long())) << text;
	if (groups.FitShort()) {
		ASSERT_EQ(Format(groups.Short()), text);
		ASSERT_FALSE(IsSpecial(groups.Short())) << text;
	}
}

TEST(Numeric, IsTheDecimalThatWasStored)
{
	test::Random random(1);
	for (int round = 0; round < 50000; round++) {
		size_t most = round % 50 == 0 ? 400 : 24;
		ASSERT_NO_FATAL_FAILURE(ExpectBothForms(RandomDecimal(random, most, most)));
	}
}

TEST(Numeric, AtTheEndsOfEachForm)
{
	for (int zeros : {0, 1, 3, 4, 5, 62, 63, 252, 255, 256, 257, 16382}) {
		std::string run(static_cast<size_t>(zeros), '0');
		for (const char *sign : {"", "-"}) {
			ASSERT_NO_FATAL_FAILURE(ExpectBothForms(sign + ("1" + run)));
			ASSERT_NO_FATAL_FAILURE(ExpectBothForms(sign + ("0." + run) + "1"));
			ASSERT_NO_FATAL_FAILURE(ExpectBothForms(sign + ("1." + run) + "1"));
		}
		if (zeros > 0) {
			ASSERT_NO_FATAL_FAILURE(ExpectBothForms("0." + run));
		}
	}
	ASSERT_NO_FATAL_FAILURE(ExpectBothForms(std::string(131072, '9') + '.' + std::string(16383, '9')));
}

TEST(Numeric, ScaleSaysHowManyDigitsAreShown)
{
	test::Random random(2);
	for (int round = 0; round < 5000; round++) {
		std::string text = RandomDecimal(random, 12, 12);
		Groups groups(text);
		size_t point = std::min(text.find('.'), text.size());
		groups.scale = static_cast<int>(random.Below(40));
		std::string digits = point < text.size() ? text.substr(point + 1) : "";
		digits.resize(static_cast<size_t>(groups.scale), '0');
		ASSERT_EQ(Format(groups.Short()), text.substr(0, point) + (digits.empty() ? "" : '.' + digits)) << text;
	}
}

TEST(Numeric, IsWrittenBehindWhatIsThere)
{
	Buffer out;
	for (int i = 0; i < 1000; i++) {
		std::vector<uint16_t> words = Groups("-12.50").Short();
		FormatNumeric(out, {reinterpret_cast<const char *>(words.data()), words.size() * 2});
	}
	std::string expected;
	for (int i = 0; i < 1000; i++)
		expected += "-12.50";
	EXPECT_EQ(out.View(), expected);
}

} // namespace
} // namespace txsync::core
