#include "core/json.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "unit/random.h"

namespace txsync::core {
namespace {

// Written to be read, not to be fast.
std::string
NaiveString(std::string_view text)
{
	std::string out = "\"";
	for (char c : text) {
		constexpr std::string_view kShort = "\b\f\n\r\t\"\\";
		auto code = static_cast<unsigned char>(c);
		size_t found = kShort.find(c);
		if (found != kShort.npos) {
			out += '\\';
			out += "bfnrt\"\\"[found];
		} else if (code < 0x20) {
			char escape[7];
			std::snprintf(escape, sizeof escape, "\\u%04x", code);
			out += escape;
		} else {
			out += c;
		}
	}
	return out + '"';
}

std::string
String(std::string_view text)
{
	Buffer out;
	json::String(out, text);
	return std::string(out.View());
}

void
AppendUtf8(std::string &text, uint32_t code)
{
	auto put = [&](uint32_t byte) { text += static_cast<char>(byte); };
	if (code < 0x80) {
		put(code);
	} else if (code < 0x800) {
		put(0xc0 | code >> 6);
		put(0x80 | (code & 0x3f));
	} else if (code < 0x10000) {
		put(0xe0 | code >> 12);
		put(0x80 | (code >> 6 & 0x3f));
		put(0x80 | (code & 0x3f));
	} else {
		put(0xf0 | code >> 18);
		put(0x80 | (code >> 12 & 0x3f));
		put(0x80 | (code >> 6 & 0x3f));
		put(0x80 | (code & 0x3f));
	}
}

// Characters of all lengths, many that need an escape, and clean runs between them.
std::string
RandomUtf8(test::Random &random, size_t characters)
{
	static constexpr uint32_t kLimits[] = {0x20, 0x80, 0x800, 0xd800, 0x110000};
	std::string text;
	while (characters-- > 0) {
		uint32_t code = static_cast<uint32_t>(random.Below(kLimits[random.Below(5)]));
		if (code >= 0xd800 && code < 0xe000)
			code = '"';
		AppendUtf8(text, code);
		if (random.Below(8) == 0)
			text.append(random.Below(50), 'a');
	}
	return text;
}

TEST(Json, StringOfEachKind)
{
	EXPECT_EQ(String(""), R"("")");
	EXPECT_EQ(String(std::string_view()), R"("")");
	EXPECT_EQ(String("plain"), R"("plain")");
	EXPECT_EQ(String("\b\f\n\r\t"), R"("\b\f\n\r\t")");
	EXPECT_EQ(String(R"(a"b\c/d)"), R"("a\"b\\c/d")");
	EXPECT_EQ(String(std::string_view("\0\x01\x1f\x7f", 4)), "\"\\u0000\\u0001\\u001f\x7f\"");
	EXPECT_EQ(String("zażółć 🐘"), R"("zażółć 🐘")");
}

// Whatever the width of the blocks that are looked at together: each byte value at each place of texts of each length.
TEST(Json, EachByteAtEachPlace)
{
	for (int byte = 0; byte < 256; byte++) {
		for (size_t size = 1; size <= 40; size++) {
			for (size_t at = 0; at < size; at++) {
				std::string text(size, 'a');
				text[at] = static_cast<char>(byte);
				ASSERT_EQ(String(text), NaiveString(text)) << "byte " << byte << " at " << at << " of " << size;
			}
		}
	}
}

TEST(Json, StringIsWhatTheNaiveEscaperWritesAndReadsBack)
{
	test::Random random(2);
	for (int round = 0; round < 3000; round++) {
		std::string text = RandomUtf8(random, random.Below(200));
		std::string written = String(text);
		ASSERT_EQ(written, NaiveString(text));
		ASSERT_EQ(nlohmann::json::parse(written).get<std::string>(), text);
	}
}

// Beyond the piece that room is reserved for at once; all escapes is the worst case.
TEST(Json, LargeStrings)
{
	test::Random random(3);
	for (size_t size : {4095, 4096, 4097, 8192, 100000, 1000000}) {
		for (std::string_view alphabet : {"a", "\x01", "\"", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"}) {
			std::string text = random.Text(size, alphabet);
			ASSERT_EQ(String(text), NaiveString(text)) << size;
		}
	}
}

TEST(Json, WritesBehindWhatIsThere)
{
	test::Random random(4);
	Buffer out;
	std::string expected;
	for (int round = 0; round < 5000; round++) {
		std::string text = random.Bytes(random.Below(60));
		json::String(out, text);
		out.Append(',');
		expected += NaiveString(text) + ',';
	}
	EXPECT_EQ(out.View(), expected);
}

TEST(Json, EscapedInPiecesIsTheWhole)
{
	test::Random random(5);
	for (int round = 0; round < 1000; round++) {
		std::string text = RandomUtf8(random, random.Below(100));
		Buffer out;
		out.Append('"');
		std::string_view rest = text;
		while (!rest.empty()) {
			std::string_view piece = rest.substr(0, random.Below(rest.size()) + 1);
			json::Escaped(out, piece);
			rest.remove_prefix(piece.size());
		}
		out.Append('"');
		ASSERT_EQ(out.View(), NaiveString(text));
	}
}

std::string
Ascii(std::string_view json)
{
	Buffer out;
	json::Ascii(out, json);
	EXPECT_EQ(json::AsciiSize(json), out.Size());
	return std::string(out.View());
}

TEST(Json, AsciiOfEachKind)
{
	EXPECT_EQ(Ascii(""), "");
	EXPECT_EQ(Ascii(R"({"a":[1,"\u00e9\n"]})"), R"({"a":[1,"\u00e9\n"]})");
	EXPECT_EQ(Ascii("{\"é\":\"\x7F€\"}"), "{\"\\u00e9\":\"\x7F\\u20ac\"}");
	EXPECT_EQ(Ascii("\"\u0080\u07ff\u0800\uffff\""), R"("\u0080\u07ff\u0800\uffff")");
	EXPECT_EQ(Ascii("\"\U00010000🐘\U0010FFFF\""), R"("\ud800\udc00\ud83d\udc18\udbff\udfff")");
}

TEST(Json, AsciiOfWhatIsNotUtf8)
{
	EXPECT_EQ(Ascii("\"d\xF6rt\""), R"("d\ufffdrt")");
	EXPECT_EQ(Ascii("\"\xF0\x9F\x90"), R"("\ufffd\ufffd\ufffd)");
	EXPECT_EQ(Ascii("\xED\xA0\x80\"é\""), R"(\ufffd\ufffd\ufffd"\u00e9")");
}

TEST(Json, AsciiReadsBackAsTheSame)
{
	test::Random random(7);
	for (int round = 0; round < 3000; round++) {
		std::string text = RandomUtf8(random, random.Below(100));
		std::string ascii = Ascii(String(text));
		ASSERT_TRUE(std::all_of(ascii.begin(), ascii.end(), [](char c) { return (c & 0x80) == 0; }));
		ASSERT_EQ(nlohmann::json::parse(ascii).get<std::string>(), text);
	}
}

TEST(Json, Integer)
{
	Buffer out;
	test::Random random(6);
	std::string expected;
	auto check = [&](int64_t value) {
		json::Integer(out, value);
		expected += std::to_string(value);
	};
	for (int64_t value :
		 {int64_t{0}, int64_t{-1}, std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()})
		check(value);
	for (int round = 0; round < 1000; round++)
		check(static_cast<int64_t>(random.AnySize()));
	EXPECT_EQ(out.View(), expected);
}

TEST(Json, Key)
{
	Buffer out;
	json::Key(out, "name");
	json::Key(out, "a \"quoted\" one");
	EXPECT_EQ(out.View(), R"("name":"a \"quoted\" one":)");
}

} // namespace
} // namespace txsync::core
