#include "core/jsonb_text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/jsonb.h"
#include "core/utf8.h"
#include "unit/random.h"
#include "unit/stored_jsonb.h"

namespace txsync::core {
namespace {

using Json = nlohmann::json;

// A number stands for itself in the model.
void
AppendNumeric(Buffer &out, std::string_view number)
{
	std::string stored = test::StoredJsonb::Of(Json::array({std::stoull(std::string(number))}));
	out.Append(std::string_view(stored).substr(8));
}

std::optional<std::string>
Stored(std::string_view text)
{
	Buffer out;
	if (!WriteJsonb(out, text, AppendNumeric))
		return std::nullopt;
	return std::string(out.View());
}

// As the model writes it, whose objects have their members in the order of their names: so these have one length.
std::string
Name(test::Random &random)
{
	return random.Text(4, "abc\"\\\n");
}

Json
RandomJson(test::Random &random, int depth)
{
	switch (uint64_t kind = random.Below(depth > 0 ? 8 : 5)) {
	case 0:
		return nullptr;
	case 1:
		return random.Below(2) == 0;
	case 2:
		return random.AnySize() >> 1;
	case 3:
	case 4:
		return random.Text(random.Below(40), "abcdefghijk \"\\/\b\f\n\r\t\x01\x1f{}[],:é");
	default: {
		Json json = kind == 5 ? Json::array() : Json::object();
		for (uint64_t i = random.Below(random.Below(16) == 0 ? 100 : 6); i > 0; i--) {
			if (json.is_array())
				json.push_back(RandomJson(random, depth - 1));
			else
				json[Name(random)] = RandomJson(random, depth - 1);
		}
		return json;
	}
	}
}

// Space where JSON may have it.
std::string
Text(const Json &json, test::Random &random)
{
	return json.dump(random.Below(2) == 0 ? -1 : static_cast<int>(random.Below(3)), random.Below(2) == 0 ? ' ' : '\t',
					 false, Json::error_handler_t::replace);
}

TEST(JsonbText, AsTheServerStoresIt)
{
	test::Random random(21);
	for (int round = 0; round < 5000; round++) {
		Json json = {{"json", RandomJson(random, 5)}};
		std::string text = Text(json, random);
		ASSERT_EQ(Stored(text), test::StoredJsonb::Of(Json::parse(text))) << text;
	}
}

TEST(JsonbText, ContainersOfEachWidth)
{
	test::Random random(22);
	for (size_t width = 0; width <= 130; width++) {
		Json array = Json::array();
		Json object = Json::object();
		for (size_t i = 0; i < width; i++) {
			array.push_back(RandomJson(random, 1));
			object[std::to_string(1000 + i)] = RandomJson(random, 1);
		}
		for (const Json &json : {array, object}) {
			std::string text = Text(json, random);
			ASSERT_EQ(Stored(text), test::StoredJsonb::Of(Json::parse(text))) << text;
		}
	}
}

TEST(JsonbText, KeysByTheirLengthsAndTheLastOfEqualOnes)
{
	auto stored = Stored(R"({"b": 1, "aa": 2, "": 3, "b": 4, "\u0062": 5, "a": 6, "aa": 7})");
	ASSERT_TRUE(stored);
	JsonbContainer container(*stored);
	ASSERT_EQ(container.Count(), 4u);
	auto key = container.First();
	auto value = container.Values();
	for (auto [name, number] : {std::pair("", 3), {"a", 6}, {"b", 5}, {"aa", 7}}) {
		EXPECT_EQ(key.Next().bytes, name);
		EXPECT_EQ(value.Next().bytes, test::StoredJsonb::Of(Json::array({number})).substr(8));
	}
}

TEST(JsonbText, NumbersAsTheyAreWritten)
{
	std::vector<std::string> numbers;
	Buffer out;
	EXPECT_TRUE(WriteJsonb(out, "[0, -0, 10, -1.50, 0.00, 1e5, 1E+05, 12.5e-3 ]",
						   [&](Buffer &, std::string_view number) { numbers.emplace_back(number); }));
	EXPECT_EQ(numbers, (std::vector<std::string>{"0", "-0", "10", "-1.50", "0.00", "1e5", "1E+05", "12.5e-3"}));
}

TEST(JsonbText, WhatItLeavesToTheServer)
{
	for (const char *text : {"",
							 " ",
							 "1",
							 "\"a\"",
							 "null",
							 "[",
							 "]",
							 "[1",
							 "[1,]",
							 "[,1]",
							 "[1 2]",
							 "{",
							 "{]",
							 "{}}",
							 "{\"a\"}",
							 "{\"a\":}",
							 "{\"a\":1,}",
							 "{1:2}",
							 "{\"a\" 1}",
							 "[01]",
							 "[1.]",
							 "[.1]",
							 "[1e]",
							 "[1e+]",
							 "[-]",
							 "[+1]",
							 "[--1]",
							 "[0x1]",
							 "[nul]",
							 "[truefalse]",
							 "[nullx]",
							 "[\"a]",
							 "[\"\\\"]",
							 "[\"\\x\"]",
							 "[\"\\u12\"]",
							 "[\"\\u00 1\"]",
							 "[\"\\u0000\"]",
							 "[\"\\u00e9\"]",
							 "[\"\\ud83d\\ude00\"]",
							 "[\"\n\"]",
							 "[\"\t\"]",
							 "[]x",
							 "[1]]",
							 "//"})
		EXPECT_FALSE(Stored(text)) << text;
	std::string deep = std::string(1000, '[') + std::string(1000, ']');
	EXPECT_FALSE(Stored(deep));
	EXPECT_TRUE(Stored(std::string(100, '[') + std::string(100, ']')));
}

TEST(JsonbText, SoManyValuesThatTheyTakeTooMuchMemory)
{
	auto takes = [](size_t count) {
		std::string text = "[1";
		for (size_t i = 1; i < count; i++)
			text += ",1";
		Buffer out;
		return WriteJsonb(out, text + ']', [](Buffer &, std::string_view) {});
	};
	EXPECT_TRUE(takes(1'000'000));
	EXPECT_FALSE(takes(3'000'000));
}

// What another reader of JSON takes, this one takes; and nothing else. Numbers too large for the other one do not
// occur.
TEST(JsonbText, MutatedIsJsonOrNot)
{
	test::Random random(23);
	int sound = 0;
	for (int round = 0; round < 20000; round++) {
		std::string text = Text(Json::array({RandomJson(random, 2)}), random);
		for (uint64_t edits = random.Below(3); edits > 0; edits--)
			text[random.Below(text.size())] = "{}[],:\"\\ 019.+-tfnu/\x01x"[random.Below(22)];
		bool is_json = Json::accept(text) && Json::parse(text).is_structured();
		bool is_rare = text.find("\\u") != std::string::npos || !IsAscii(text);
		auto ignore = [](Buffer &, std::string_view) {};
		Buffer out;
		if (!is_rare) {
			ASSERT_EQ(WriteJsonb(out, text, ignore), is_json) << text;
		}
		sound += is_json;
	}
	EXPECT_GT(sound, 5000);
	EXPECT_LT(sound, 15000);
}

} // namespace
} // namespace txsync::core
