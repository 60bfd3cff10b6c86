#include "core/base64.h"

#include <gtest/gtest.h>

#include "unit/random.h"

namespace txsync::core {
namespace {

std::string
Encoded(std::string_view bytes)
{
	Buffer out;
	AppendBase64(out, bytes);
	return std::string(out.View());
}

// The vectors of RFC 4648, section 10.
TEST(Base64, EncodesTheVectorsOfTheStandard)
{
	EXPECT_EQ(Encoded(""), "");
	EXPECT_EQ(Encoded("f"), "Zg==");
	EXPECT_EQ(Encoded("fo"), "Zm8=");
	EXPECT_EQ(Encoded("foo"), "Zm9v");
	EXPECT_EQ(Encoded("foob"), "Zm9vYg==");
	EXPECT_EQ(Encoded("fooba"), "Zm9vYmE=");
	EXPECT_EQ(Encoded("foobar"), "Zm9vYmFy");
}

TEST(Base64, EncodesBytesOfAnyValue)
{
	EXPECT_EQ(Encoded(std::string_view("\0\xff\xfe", 3)), "AP/+");
}

std::string
ForUrl(std::string_view bytes)
{
	Buffer out;
	AppendBase64Url(out, bytes);
	return std::string(out.View());
}

TEST(Base64, ForUrlsHasNoPaddingAndOtherDigits)
{
	EXPECT_EQ(ForUrl(""), "");
	EXPECT_EQ(ForUrl("f"), "Zg");
	EXPECT_EQ(ForUrl("fo"), "Zm8");
	EXPECT_EQ(ForUrl("foo"), "Zm9v");
	EXPECT_EQ(ForUrl("\xff\xfe"), "__4");
	EXPECT_EQ(ForUrl("\xfb\xef\xbe"), "----");
}

TEST(Base64, ForUrlsComesBack)
{
	test::Random random(1);
	for (size_t size = 0; size < 200; size++) {
		std::string bytes = random.Bytes(size);
		ASSERT_EQ(FromBase64Url(ForUrl(bytes)), bytes);
	}
}

TEST(Base64, WhatWasNotWrittenForUrlsDoesNotComeBack)
{
	for (const char *text : {"Z", "Zm9vY", "Zg==", "Zm8=", "Zh", "Zm9", "AP/+", "Zm 9", "Zm9v\n", "\xc3\xa4"})
		EXPECT_FALSE(FromBase64Url(text)) << text;
}

} // namespace
} // namespace txsync::core
