#include "core/uuid.h"

#include <gtest/gtest.h>

#include <string>

namespace txsync::core {
namespace {

constexpr char kText[] = "0b9c6b3e-5e0f-4c57-9d2a-6d2f0c1ab3f4";
constexpr char kBytes[] = "\x0B\x9C\x6B\x3E\x5E\x0F\x4C\x57\x9D\x2A\x6D\x2F\x0C\x1A\xB3\xF4";

TEST(Uuid, TextOfBytes)
{
	char text[kUuidText];
	EXPECT_EQ(std::string(text, FormatUuid(text, kBytes)), kText);
}

TEST(Uuid, BytesOfText)
{
	char bytes[kUuidBytes];
	ASSERT_TRUE(ParseUuid(bytes, kText));
	EXPECT_EQ(std::string(bytes, kUuidBytes), kBytes);
}

TEST(Uuid, OtherTexts)
{
	char bytes[kUuidBytes];
	EXPECT_FALSE(ParseUuid(bytes, ""));
	EXPECT_FALSE(ParseUuid(bytes, std::string(kText) + "0"));
	EXPECT_FALSE(ParseUuid(bytes, std::string_view(kText).substr(1)));
	for (size_t i = 0; i < kUuidText; i++) {
		for (char other : {'g', 'B', '_', '\x80', '\0'}) {
			std::string text = kText;
			text[i] = other;
			EXPECT_FALSE(ParseUuid(bytes, text)) << text;
		}
	}
}

} // namespace
} // namespace txsync::core
