#include "core/hlc.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "unit/random.h"

namespace txsync::core {

void
PrintTo(const Hlc &hlc, std::ostream *out)
{
	*out << ToString(hlc);
}

namespace {

constexpr uint64_t kMaxLogical = Hlc::kMaxLogical;

struct Malformed
{
	const char *why;
	std::string text;
};

const std::vector<Malformed> &
MalformedIds()
{
	static const auto *const ids = new std::vector<Malformed>{
		{"nothing", ""},
		{"no dot", "1700000000000"},
		{"one dot", "1700000000000.0001"},
		{"only dots", ".."},
		{"empty wall", ".0001.node"},
		{"empty logical", "1700000000000..node"},
		{"empty node", "1700000000000.0001."},
		{"letter in wall", "17000000o0000.0001.node"},
		{"hexadecimal wall", "0x17.0001.node"},
		{"minus in wall", "-1700000000000.0001.node"},
		{"plus in wall", "+1700000000000.0001.node"},
		{"space before wall", " 1700000000000.0001.node"},
		{"space behind wall", "1700000000000 .0001.node"},
		{"exponent in wall", "17e11.0001.node"},
		{"digit beyond ASCII", "١.0001.node"},
		{"letter in logical", "1700000000000.000a.node"},
		{"minus in logical", "1700000000000.-001.node"},
		{"plus in logical", "1700000000000.+0001.node"},
		{"space in logical", "1700000000000.0001 .node"},
		{"NUL in logical", std::string("1700000000000.0001\0.node", 24)},
		{"logical of 1 digit", "1700000000000.1.node"},
		{"logical of 3 digits", "1700000000000.001.node"},
		{"leading zero in a logical of 5 digits", "1700000000000.00001.node"},
		{"leading zero before 10000", "1700000000000.010000.node"},
		{"logical beyond a bigint", "1700000000000.9223372036854775808.node"},
		{"logical beyond 64 bits", "1700000000000.18446744073709551616.node"},
		{"logical far beyond 64 bits", "1700000000000.99999999999999999999999.node"},
		{"wall of 2^48", "281474976710656.0000.node"},
		{"wall beyond 64 bits", "18446744073709551617.0000.node"},
		{"129 bytes", "1700000000000.0001." + std::string(110, 'n')},
		{"129 bytes by zeros in wall", std::string(122, '0') + "1.0001"},
	};
	return *ids;
}

TEST(Hlc, MalformedIsNothing)
{
	for (const auto &[why, text] : MalformedIds())
		EXPECT_EQ(ParseHlc(text), std::nullopt) << why;
}

TEST(Hlc, WellFormed)
{
	struct
	{
		std::string text;
		Hlc hlc;
	} const cases[] = {
		{"1700000000000.0001.node", {1700000000000, 1, "node"}},
		{"0.0000.n", {0, 0, "n"}},
		{"999999999999.0000.n", {999999999999, 0, "n"}},
		{"1700000000000.9999.n", {1700000000000, 9999, "n"}},
		{"1700000000000.10000.n", {1700000000000, 10000, "n"}},
		{"1700000000000.9223372036854775807.n", {1700000000000, kMaxLogical, "n"}},
		{"281474976710655.0000.n", {Hlc::kMaxWall, 0, "n"}},
		{"1.0001.g++-12", {1, 1, "g++-12"}},
		{"1.0001.a.b.c", {1, 1, "a.b.c"}},
		{"1.0001..", {1, 1, "."}},
		{"1.0001.0002.x", {1, 1, "0002.x"}},
		{"1.0001. ", {1, 1, " "}},
		{"1.0001.zażółć", {1, 1, "zażółć"}},
		{"1700000000000.0001." + std::string(109, 'n'), {1700000000000, 1, std::string_view()}},
	};
	for (const auto &[text, hlc] : cases) {
		Hlc expected = hlc;
		if (expected.node.empty()) // the longest: its node is the text's end
			expected.node = std::string_view(text).substr(19);
		EXPECT_EQ(ParseHlc(text), expected) << text;
		EXPECT_EQ(ToString(expected), text);
	}
}

TEST(Hlc, LeadingZerosOfWallAreNotCanonical)
{
	auto hlc = ParseHlc("0001700000000000.0001.n");
	ASSERT_EQ(hlc, (Hlc{1700000000000, 1, "n"}));
	EXPECT_EQ(ToString(*hlc), "1700000000000.0001.n");
	EXPECT_EQ(ParseHlc("0000.0000.n"), (Hlc{0, 0, "n"}));
	EXPECT_EQ(ParseHlc(std::string(121, '0') + ".0001.n"), (Hlc{0, 1, "n"}));
	EXPECT_EQ(ParseHlc(std::string(100, '0') + "281474976710655.0001.n"), (Hlc{Hlc::kMaxWall, 1, "n"}));
	EXPECT_EQ(ParseHlc(std::string(100, '0') + "281474976710656.0001.n"), std::nullopt);
}

// The rule again, by other means: numbers stay text.
bool
WellFormedAsText(const std::string &text)
{
	auto digits = [](const std::string &part) { return part.find_first_not_of("0123456789") == part.npos; };
	auto at_most = [](const std::string &number, const std::string &most) {
		return number.size() < most.size() || (number.size() == most.size() && number <= most);
	};
	std::istringstream parts(text);
	std::string wall;
	std::string logical;
	if (!std::getline(parts, wall, '.') || !std::getline(parts, logical, '.') ||
		parts.peek() == std::istringstream::traits_type::eof())
		return false;
	std::string significant = wall.substr(std::min(wall.find_first_not_of('0'), wall.size()));
	return text.size() <= 128 && !wall.empty() && digits(wall) && at_most(significant, "281474976710655") &&
		   logical.size() >= 4 && (logical.size() == 4 || logical[0] != '0') && digits(logical) &&
		   at_most(logical, "9223372036854775807");
}

TEST(Hlc, WellFormedIsWhatTheTextSays)
{
	test::Random random(1);
	int well_formed = 0;
	constexpr int kRounds = 100000;
	for (int round = 0; round < kRounds; round++) {
		std::string text = std::to_string(random.AnySize()) + '.' + random.Text(4, "0123456789") + ".n.1";
		for (uint64_t edits = random.Below(4); edits > 0; edits--)
			text.replace(random.Below(text.size()), random.Below(3), random.Text(random.Below(4), "00123456789..- x"));
		if (random.Below(10) == 0)
			text += std::string(random.Below(130), 'n');
		ASSERT_EQ(ParseHlc(text).has_value(), WellFormedAsText(text)) << text;
		well_formed += WellFormedAsText(text);
	}
	EXPECT_GT(well_formed, kRounds / 10);
	EXPECT_LT(well_formed, kRounds * 9 / 10);
}

Hlc
RandomHlc(test::Random &random, std::string &node)
{
	node = random.Bytes(1 + random.Below(80));
	return {random.AnySize() % (Hlc::kMaxWall + 1), random.AnySize() & kMaxLogical, node};
}

TEST(Hlc, RoundTrip)
{
	test::Random random(2);
	for (int round = 0; round < 20000; round++) {
		std::string node;
		Hlc hlc = RandomHlc(random, node);
		std::string text = ToString(hlc);
		ASSERT_EQ(ParseHlc(text), hlc) << text;
	}
}

TEST(Hlc, OrderedByWallThenLogicalThenNodeBytes)
{
	test::Random random(3);
	auto tuple = [](const Hlc &hlc) {
		return std::tuple(hlc.wall_ms, hlc.logical, std::vector<unsigned char>(hlc.node.begin(), hlc.node.end()));
	};
	for (int round = 0; round < 50000; round++) {
		std::string node_a = random.Text(random.Below(3), "a\x7f\x80\xff");
		std::string node_b = random.Text(random.Below(3), "a\x7f\x80\xff");
		Hlc a{random.Below(2), random.Below(2), node_a};
		Hlc b{random.Below(2), random.Below(2), node_b};
		ASSERT_EQ(a <=> b, tuple(a) <=> tuple(b));
		ASSERT_EQ(a == b, tuple(a) == tuple(b));
	}
}

TEST(Hlc, OrderIsNotTheTexts)
{
	EXPECT_LT(*ParseHlc("999999999999.0000.n"), *ParseHlc("1000000000000.0000.n"));
	EXPECT_LT(*ParseHlc("1.9999.n"), *ParseHlc("1.10000.n"));
	EXPECT_LT(*ParseHlc("1.0001.z"), *ParseHlc("1.0001.\xc3\xa9"));
}

std::string
Binary(const Hlc &hlc)
{
	Buffer out;
	AppendBinary(out, hlc);
	return std::string(out.View());
}

TEST(HlcBinary, AsDocumented)
{
	using namespace std::string_literals;
	EXPECT_EQ(Binary({0x010203040506, 0, "n"}), "\1\2\3\4\5\6\0n"s);
	EXPECT_EQ(Binary({Hlc::kMaxWall, 1, "n.1"}), "\xff\xff\xff\xff\xff\xff\1\1n.1"s);
	EXPECT_EQ(Binary({1, 0x1234, "n"}), "\0\0\0\0\0\1\2\x12\x34n"s);
	EXPECT_EQ(Binary({1, kMaxLogical, "n"}), "\0\0\0\0\0\1\x8\x7f\xff\xff\xff\xff\xff\xff\xffn"s);
}

TEST(HlcBinary, MalformedIsNothing)
{
	using namespace std::string_literals;
	const std::string wall(6, '\1');
	for (const std::string &bytes : {""s, wall.substr(1), wall, wall + "\0"s, // no node
									 wall + "\1\1"s, wall + "\2\1"s,          // none behind logical, none of it
									 wall + "\1\0n"s, wall + "\2\0\1n"s,      // a leading zero
									 wall + "\x8\x80\0\0\0\0\0\0\0n"s,        // beyond a bigint
									 wall + "\x9\1\1\1\1\1\1\1\1\1n"s, wall + "\xff"s + std::string(120, 'n')})
		EXPECT_EQ(ParseBinary(bytes), std::nullopt) << testing::PrintToString(bytes);
}

TEST(HlcBinary, AsLongAsTheText)
{
	for (uint64_t wall : {uint64_t{0}, uint64_t{9}, uint64_t{10}, uint64_t{99}, uint64_t{100}, Hlc::kMaxWall}) {
		for (uint64_t logical : {uint64_t{0}, uint64_t{9999}, uint64_t{10000}, kMaxLogical}) {
			size_t rest = Hlc::kMaxBytes - ToString({wall, logical, ""}).size();
			std::string longest(rest, 'n');
			std::string too_long(rest + 1, 'n');
			EXPECT_EQ(ParseBinary(Binary({wall, logical, longest})), (Hlc{wall, logical, longest}));
			EXPECT_EQ(ParseBinary(Binary({wall, logical, too_long})), std::nullopt);
		}
	}
}

TEST(HlcBinary, RoundTripInTheOrderOfTheIds)
{
	test::Random random(4);
	for (int round = 0; round < 50000; round++) {
		std::string node_a;
		std::string node_b;
		Hlc a = RandomHlc(random, node_a);
		Hlc b = RandomHlc(random, node_b);
		if (random.Below(2) == 0)
			b.wall_ms = a.wall_ms;
		if (random.Below(2) == 0)
			b.logical = a.logical;
		if (random.Below(4) == 0)
			b.node = a.node.substr(0, 1 + random.Below(a.node.size()));
		ASSERT_EQ(ParseBinary(Binary(a)), a);
		ASSERT_EQ(Binary(a) <=> Binary(b), a <=> b);
	}
}

TEST(HlcNext, FollowsTheWallClockAndCountsWhenItStands)
{
	EXPECT_EQ(Next({100, 7, "n"}, 200), (Hlc{200, 0, "n"}));
	EXPECT_EQ(Next({100, 7, "n"}, 100), (Hlc{100, 8, "n"}));
	EXPECT_EQ(Next({100, 7, "n"}, 5), (Hlc{100, 8, "n"}));
	EXPECT_EQ(Next({100, 9998, "n"}, 100), (Hlc{100, 9999, "n"}));
	EXPECT_EQ(Next({100, 9999, "n"}, 100), (Hlc{101, 0, "n"}));
	EXPECT_EQ(Next({100, kMaxLogical, "n"}, 100), (Hlc{101, 0, "n"}));
}

TEST(HlcNext, AtTheEndOfTime)
{
	constexpr uint64_t kEnd = Hlc::kMaxWall;
	EXPECT_EQ(Next({100, 7, "n"}, kEnd + 1), (Hlc{kEnd, 0, "n"}));
	EXPECT_EQ(Next({kEnd - 1, 9999, "n"}, 0), (Hlc{kEnd, 0, "n"}));
	EXPECT_EQ(Next({kEnd, 9999, "n"}, kEnd + 1), (Hlc{kEnd, 10000, "n"}));
	EXPECT_EQ(Next({kEnd, kMaxLogical - 1, "n"}, 0), (Hlc{kEnd, kMaxLogical, "n"}));
	EXPECT_THROW(Next({kEnd, kMaxLogical, "n"}, kEnd + 1), std::overflow_error);
}

// A wall clock that stands, runs, jumps back and, where `start` is there, reaches the end of time.
void
ExpectRising(uint64_t start, uint64_t seed)
{
	test::Random random(seed);
	uint64_t now = start;
	Hlc last{start, random.Below(3) == 0 ? random.AnySize() / 4 : 0, "node.1"};
	for (int step = 0; step < 50000; step++) {
		uint64_t kind = random.Below(100);
		if (kind == 0)
			now -= std::min(now, random.Below(100000));
		else if (kind < 5)
			now += random.Below(2000);
		Hlc next = Next(last, now);
		ASSERT_GT(next, last);
		ASSERT_GE(next.wall_ms, std::min(now, Hlc::kMaxWall));
		ASSERT_EQ(next.node, last.node);
		ASSERT_EQ(ParseHlc(ToString(next)), next);
		if (next.wall_ms < Hlc::kMaxWall) {
			ASSERT_LE(next.logical, 9999u);
		}
		last = next;
	}
}

TEST(HlcNext, RisesWhateverTheWallClockDoes)
{
	for (uint64_t seed = 0; seed < 5; seed++) {
		ExpectRising(1700000000000, seed);
		ExpectRising(Hlc::kMaxWall - 500000, seed);
	}
}

} // namespace
} // namespace txsync::core
