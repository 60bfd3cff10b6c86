#include "core/base64.h"

#include <gtest/gtest.h>

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

} // namespace
} // namespace txsync::core
