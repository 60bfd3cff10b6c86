#include "core/utf8.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "unit/random.h"

namespace txsync::core {
namespace {

// How a character is encoded, as bits.
std::string
Encode(uint32_t code)
{
	int following = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
	constexpr uint32_t kLead[] = {0x00, 0xC0, 0xE0, 0xF0};
	std::string bytes(1, static_cast<char>(kLead[following] | code >> (6 * following)));
	while (following-- > 0)
		bytes += static_cast<char>(0x80 | (code >> (6 * following) & 0x3F));
	return bytes;
}

// A sequence as a number. Only those that begin with NUL share theirs with a shorter one.
uint32_t
Pack(std::string_view bytes)
{
	uint32_t packed = 0;
	for (char c : bytes)
		packed = packed << 8 | static_cast<unsigned char>(c);
	return packed;
}

// Each character there is, encoded, in order.
const std::vector<uint32_t> &
AllEncoded()
{
	static const auto *const all = [] {
		auto *encoded = new std::vector<uint32_t>;
		for (uint32_t code = 0; code <= 0x10FFFF; code++) {
			if (code < 0xD800 || code > 0xDFFF)
				encoded->push_back(Pack(Encode(code)));
		}
		return encoded;
	}();
	return *all;
}

size_t
ExpectedLength(std::string_view text)
{
	for (size_t length = 1; length <= std::min<size_t>(4, text.size()); length++) {
		if (std::binary_search(AllEncoded().begin(), AllEncoded().end(), Pack(text.substr(0, length))))
			return length;
	}
	return 0;
}

// Behind the last byte is no other: a sanitizer sees who reads on.
size_t
Length(std::string_view text)
{
	std::vector<char> exact(text.begin(), text.end());
	return ValidUtf8Length({exact.data(), exact.size()});
}

std::string
Valid(std::string_view text)
{
	std::vector<char> exact(text.begin(), text.end());
	Buffer out;
	AppendValidUtf8(out, {exact.data(), exact.size()});
	return std::string(out.View());
}

std::string
ExpectedValid(std::string_view text)
{
	std::string valid;
	while (!text.empty()) {
		size_t length = ExpectedLength(text);
		valid += length > 0 ? text.substr(0, length) : kReplacement;
		text.remove_prefix(std::max<size_t>(length, 1));
	}
	return valid;
}

TEST(Utf8, NothingHasNoCharacter)
{
	EXPECT_EQ(Length(""), 0u);
	EXPECT_EQ(ValidUtf8Length({}), 0u);
	EXPECT_EQ(Valid(""), "");
}

TEST(Utf8, EachCharacterAndNoPartOfIt)
{
	ASSERT_TRUE(std::is_sorted(AllEncoded().begin(), AllEncoded().end()));
	for (uint32_t code = 0; code <= 0x10FFFF; code++) {
		std::string bytes = Encode(code);
		bool surrogate = code >= 0xD800 && code <= 0xDFFF;
		ASSERT_EQ(ValidUtf8Length(bytes), surrogate ? 0 : bytes.size()) << code;
		ASSERT_EQ(ValidUtf8Length(bytes + "x"), surrogate ? 0 : bytes.size()) << code;
		ASSERT_EQ(ValidUtf8Length(std::string_view(bytes).substr(0, bytes.size() - 1)), 0u) << code;
	}
}

TEST(Utf8, AllPairsOfBytes)
{
	for (int pair = 0; pair < 0x10000; pair++) {
		char bytes[] = {static_cast<char>(pair >> 8), static_cast<char>(pair)};
		for (size_t size : {1, 2})
			ASSERT_EQ(Length({bytes, size}), ExpectedLength({bytes, size})) << pair;
	}
}

TEST(Utf8, AllSequencesOnBoundaries)
{
	constexpr std::string_view kBytes("\x00\x41\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0\xC1\xC2\xDF\xE0\xE1\xEC\xED\xEE\xEF"
									  "\xF0\xF1\xF3\xF4\xF5\xFF",
									  25);
	for (size_t number = 0; number < 25 * 25 * 25 * 25; number++) {
		char bytes[] = {kBytes[number / (25 * 25 * 25)], kBytes[number / (25 * 25) % 25], kBytes[number / 25 % 25],
						kBytes[number % 25]};
		for (size_t size : {3, 4})
			ASSERT_EQ(ValidUtf8Length({bytes, size}), ExpectedLength({bytes, size})) << std::hex << Pack({bytes, 4});
	}
}

TEST(Utf8, EachByteOfNoCharacterIsReplaced)
{
	EXPECT_EQ(Valid("zażółć 🐘"), "zażółć 🐘");
	EXPECT_EQ(Valid(std::string_view("a\0b", 3)), std::string_view("a\0b", 3));
	EXPECT_EQ(Valid("a\xFF"
					"b"),
			  "a\xEF\xBF\xBD"
			  "b");
	EXPECT_EQ(Valid("\xF0\x9F\x90"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
	EXPECT_EQ(Valid("\xF0\x9F\x90ż"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDż");
}

TEST(Utf8, OneByteBeyondAsciiAnywhere)
{
	for (size_t size = 0; size < 40; size++) {
		std::string text(size, '\x7F');
		EXPECT_TRUE(IsAscii(text));
		EXPECT_TRUE(IsValidUtf8(text));
		for (size_t at = 0; at < size; at++) {
			std::string other = text;
			other[at] = '\x80';
			EXPECT_FALSE(IsAscii(other));
			EXPECT_FALSE(IsValidUtf8(other));
		}
	}
}

// Characters, pieces of them, and any bytes.
std::string
RandomText(test::Random &random)
{
	std::string text;
	for (uint64_t pieces = random.Below(20); pieces > 0; pieces--) {
		std::string piece = Encode(static_cast<uint32_t>(random.AnySize() % 0x110000));
		uint64_t kind = random.Below(4);
		text += kind == 0 ? random.Bytes(1) : kind == 1 ? piece.substr(0, 1 + random.Below(piece.size())) : piece;
	}
	return text;
}

TEST(Utf8, RandomTexts)
{
	test::Random random(1);
	for (int round = 0; round < 20000; round++) {
		std::string text = RandomText(random);
		std::string valid = Valid(text);
		ASSERT_EQ(valid, ExpectedValid(text));
		ASSERT_EQ(Valid(valid), valid);
		ASSERT_TRUE(IsValidUtf8(valid));
		ASSERT_EQ(IsValidUtf8(text), text == valid);
		ASSERT_EQ(IsAscii(text), std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; }));
	}
}

} // namespace
} // namespace txsync::core
