#include "core/cursor.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "unit/random.h"

namespace txsync::core {
namespace {

std::string
Bytes(const Cursor &cursor)
{
	Buffer out;
	Write(out, cursor);
	return std::string(out.View());
}

HashedNames
RandomNames(test::Random &random)
{
	if (random.Below(3) == 0)
		return {};
	std::vector<uint64_t> hashes;
	for (uint64_t i = random.Below(5); i > 0; i--)
		hashes.push_back(random.AnySize());
	return HashedNames(hashes);
}

Cursor
RandomCursor(test::Random &random)
{
	return {random.Bits(), static_cast<int64_t>(random.AnySize()), static_cast<int64_t>(random.AnySize()),
			RandomNames(random), RandomNames(random)};
}

TEST(Cursor, RoundTrip)
{
	test::Random random(1);
	for (int round = 0; round < 20000; round++) {
		Cursor cursor = RandomCursor(random);
		ASSERT_EQ(ParseCursor(Bytes(cursor)), cursor);
	}
}

TEST(Cursor, BytesAreTheSameOnEveryMachine)
{
	Cursor cursor{0x0102030405060708, 1, -1, HashedNames(), HashedNames({2, 1, 2})};
	EXPECT_EQ(Bytes(cursor), std::string("\1"
										 "\x08\7\6\5\4\3\2\1"
										 "\1\0\0\0\0\0\0\0"
										 "\xff\xff\xff\xff\xff\xff\xff\xff"
										 "\0\0\0\0\0\0\0\0"
										 "\3\0\0\0\0\0\0\0"
										 "\1\0\0\0\0\0\0\0"
										 "\2\0\0\0\0\0\0\0",
										 57));
}

TEST(Cursor, OtherBytesAreNone)
{
	std::string sound = Bytes({1, 2, 3, HashedNames({4, 5}), HashedNames()});
	ASSERT_TRUE(ParseCursor(sound));
	for (size_t size = 0; size < sound.size(); size++)
		EXPECT_FALSE(ParseCursor(sound.substr(0, size))) << size;
	EXPECT_FALSE(ParseCursor(sound + '\0'));
	EXPECT_FALSE(ParseCursor('\2' + sound.substr(1))) << "another version";
	std::string unsorted = sound;
	std::swap(unsorted[33], unsorted[41]);
	EXPECT_FALSE(ParseCursor(unsorted));
	std::string twice = sound;
	twice[41] = twice[33];
	EXPECT_FALSE(ParseCursor(twice));
	std::string endless = sound;
	endless.replace(25, 8, 8, '\xff');
	EXPECT_FALSE(ParseCursor(endless)) << "more names than there are bytes";
}

TEST(HashedNames, AllIncludesEverything)
{
	EXPECT_TRUE(HashedNames().Includes(HashedNames()));
	EXPECT_TRUE(HashedNames().Includes(HashedNames({1})));
	EXPECT_FALSE(HashedNames({1}).Includes(HashedNames()));
}

TEST(HashedNames, NoNameIsNotAll)
{
	EXPECT_FALSE(HashedNames(std::vector<uint64_t>()).HasAll());
	EXPECT_TRUE(HashedNames({1}).Includes(HashedNames(std::vector<uint64_t>())));
	EXPECT_FALSE(HashedNames(std::vector<uint64_t>()).Includes(HashedNames({1})));
}

TEST(HashedNames, Subsets)
{
	HashedNames names({3, 1, 2});
	EXPECT_TRUE(names.Includes(HashedNames({2, 3})));
	EXPECT_TRUE(names.Includes(names));
	EXPECT_FALSE(names.Includes(HashedNames({2, 4})));
	EXPECT_EQ(names, HashedNames({1, 2, 2, 3}));
}

} // namespace
} // namespace txsync::core
