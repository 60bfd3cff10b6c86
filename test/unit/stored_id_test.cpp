#include "core/stored_id.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <stdexcept>
#include <string>
#include <vector>

namespace txsync::core {
namespace {

constexpr char kUuid[] = "0b9c6b3e-5e0f-4c57-9d2a-6d2f0c1ab3f4";

std::vector<std::string>
Ids()
{
	std::string upper = kUuid;
	std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
	return {
		"x",
		std::string(1, '\0'),
		std::string(128, 'x'),
		std::string(31, 'x'),
		std::string(32, 'x'),
		"0.0000.n",
		"00.0000.n",
		"01700000000000.0001.n",
		"281474976710655.9223372036854775807.n",
		"281474976710656.18446744073709551615.n",
		"0.0000." + std::string(121, 'n'),
		"1700000000000.0001.n.0",
		std::string("1700000000000.0001.") + kUuid,
		std::string("1700000000000.0001.") + kUuid + "x",
		"1700000000000.0001." + upper,
		std::string("01700000000000.0001.") + kUuid,
		kUuid,
		upper,
	};
}

TEST(StoredId, ComesBackAsItWas)
{
	for (const std::string &id : Ids()) {
		StoredId stored(id);
		std::string_view rest = stored.View();
		IdContent content;
		ASSERT_TRUE(TakeId(rest, content)) << id;
		EXPECT_TRUE(rest.empty());
		EXPECT_EQ(TextOf(content), id);
		EXPECT_EQ(content.own, stored.Own());
		EXPECT_EQ(TextOf(ContentOf(stored.View())), id);
	}
}

TEST(StoredId, TellsItsTimeUnlessItHasLeadingZeros)
{
	EXPECT_EQ(StoredId("1700000000000.0001.n").Own(), (Stamp{1700000000000, 1}));
	EXPECT_EQ(StoredId("01700000000000.0001.n").Own(), Stamp());
	EXPECT_EQ(StoredId(kUuid).Own(), Stamp());
}

TEST(StoredId, HasOneToAHundredAndTwentyEightBytes)
{
	EXPECT_THROW(StoredId(""), std::length_error);
	EXPECT_THROW(StoredId("0.0000." + std::string(122, 'n')), std::length_error);
}

TEST(StoredId, SeveralInARow)
{
	std::string bytes;
	for (const std::string &id : Ids())
		bytes += StoredId(id).View();
	std::string_view rest = bytes;
	for (const std::string &id : Ids())
		EXPECT_EQ(TakeSoundId(rest), StoredId(id).View());
	EXPECT_EQ(TakeSoundId(rest), "");
}

// Whatever is cut off it, nothing is read beyond the bytes.
TEST(StoredId, Cut)
{
	for (const std::string &id : Ids()) {
		StoredId stored(id);
		for (size_t size = 0; size < stored.View().size(); size++) {
			std::vector<char> exact(stored.View().begin(), stored.View().begin() + static_cast<ptrdiff_t>(size));
			std::string_view rest(exact.data(), exact.size());
			IdContent content;
			EXPECT_FALSE(TakeId(rest, content)) << id << " to " << size;
		}
	}
}

} // namespace
} // namespace txsync::core
