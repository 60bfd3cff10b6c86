#include "core/varint.h"

#include <gtest/gtest.h>

#include <string>

namespace txsync::core {
namespace {

std::string
Bytes(uint64_t number)
{
	char bytes[kMaxVarint];
	return {bytes, PutVarint(bytes, number)};
}

TEST(Varint, Bytes)
{
	EXPECT_EQ(Bytes(0), std::string(1, '\0'));
	EXPECT_EQ(Bytes(127), "\x7F");
	EXPECT_EQ(Bytes(128), "\x80\x01");
	EXPECT_EQ(Bytes(300), "\xAC\x02");
	EXPECT_EQ(Bytes(UINT64_MAX), "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01");
}

TEST(Varint, ComesBackAndIsPassedOver)
{
	for (unsigned bits = 0; bits < 64; bits++) {
		for (uint64_t number : {uint64_t{1} << bits, (uint64_t{1} << bits) - 1, UINT64_MAX >> bits}) {
			std::string bytes = Bytes(number) + "rest";
			std::string_view rest = bytes;
			uint64_t read = 0;
			ASSERT_TRUE(TakeVarint(rest, read)) << number;
			EXPECT_EQ(read, number);
			EXPECT_EQ(rest, "rest");
		}
	}
}

TEST(Varint, Damaged)
{
	for (std::string_view bytes : {
			 std::string_view(),
			 std::string_view("\x80"),
			 std::string_view("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
			 std::string_view("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02"),
			 std::string_view("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x81\x01"),
		 }) {
		uint64_t number = 0;
		EXPECT_FALSE(TakeVarint(bytes, number));
	}
}

} // namespace
} // namespace txsync::core
