#include "core/position.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <tuple>

#include "unit/random.h"

namespace txsync::core {
namespace {

std::string
Text(const Position &position)
{
	Buffer out;
	Write(out, position);
	return std::string(out.View());
}

Position
RandomPosition(test::Random &random)
{
	return {random.AnySize(), random.AnySize(), static_cast<uint32_t>(random.AnySize())};
}

TEST(Position, IsWrittenAsPostgresqlWritesLsns)
{
	EXPECT_EQ(Text({}), "0/0-0/0-0");
	EXPECT_EQ(Text({0x16B3748, 0x16B3700, 0}), "0/16B3748-0/16B3700-0");
	EXPECT_EQ(Text({0x1'00000000, 0xABCDEF'00000001, 10}), "1/0-ABCDEF/1-10");
	constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
	EXPECT_EQ(Text({kMost, kMost, 4294967295}), "FFFFFFFF/FFFFFFFF-FFFFFFFF/FFFFFFFF-4294967295");
}

TEST(Position, IsWrittenBehindWhatIsThere)
{
	Buffer out;
	out.Append("position ");
	Write(out, {1, 2, 3});
	EXPECT_EQ(out.View(), "position 0/1-0/2-3");
}

TEST(Position, RoundTrip)
{
	test::Random random(1);
	for (int round = 0; round < 20000; round++) {
		Position position = RandomPosition(random);
		ASSERT_EQ(ParsePosition(Text(position)), position) << Text(position);
	}
}

TEST(Position, Malformed)
{
	for (const char *text : {
			 "",
			 "0",
			 "0/0",
			 "0/0-0/0",
			 "0/0-0/0-",
			 "/0-0/0-0",
			 "0/-0/0-0",
			 "0/0-/0-0",
			 "0/0-0/-0",
			 "0/0--0",
			 "00/0-0/0-0",
			 "0/00-0/0-0",
			 "0/0-0/0-00",
			 "0/0-0/0-01",
			 "0/016B3748-0/0-0",
			 "0/16b3748-0/0-0",
			 "100000000/0-0/0-0",
			 "0/100000000-0/0-0",
			 "0/0-0/0-4294967296",
			 "0/0-0/0-A",
			 "0/G-0/0-0",
			 "0x0/0-0/0-0",
			 "-0/0-0/0-0",
			 "+0/0-0/0-0",
			 "0/0-0/0--1",
			 "0/0-0/0-+1",
			 " 0/0-0/0-0",
			 "0/0-0/0-0 ",
			 "0/0-0/0-0-0",
			 "0/0/0/0-0",
			 "0-0-0-0-0",
		 })
		EXPECT_EQ(ParsePosition(text), std::nullopt) << text;
	EXPECT_EQ(ParsePosition(std::string_view("0/0-0/0-0\0", 10)), std::nullopt);
}

// No text but the one that Write() gives: a wrong byte, one too many or one too few.
TEST(Position, OnePositionHasOneText)
{
	test::Random random(2);
	int parsed = 0;
	for (int round = 0; round < 50000; round++) {
		std::string text = Text(RandomPosition(random));
		size_t at = random.Below(text.size());
		std::string other = random.Text(1, "0123456789ABCDEFabcdef/- +x");
		text.replace(at, random.Below(2), random.Below(2) == 0 ? "" : other);
		if (auto position = ParsePosition(text)) {
			parsed++;
			ASSERT_EQ(Text(*position), text);
		}
	}
	EXPECT_GT(parsed, 10000);
	EXPECT_LT(parsed, 40000);
}

TEST(Position, OrderedByCommitThenChangeThenRow)
{
	test::Random random(3);
	auto tuple = [](const Position &p) { return std::tuple(p.commit_lsn, p.change_lsn, p.row); };
	auto small = [&] { return Position{random.Below(3), random.Below(3), static_cast<uint32_t>(random.Below(3))}; };
	for (int round = 0; round < 5000; round++) {
		Position a = small();
		Position b = small();
		ASSERT_EQ(a <=> b, tuple(a) <=> tuple(b));
		ASSERT_EQ(a == b, tuple(a) == tuple(b));
	}
	EXPECT_LT((Position{1, 9, 9}), (Position{2, 0, 0}));
}

} // namespace
} // namespace txsync::core
