#include "core/jsonb.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/jsonb_layout.h"
#include "core/numeric.h"
#include "unit/random.h"
#include "unit/stored_jsonb.h"

namespace txsync::core {
namespace {

using Json = nlohmann::json;
using Kind = JsonbEntry::Kind;

Json Read(const JsonbContainer &container);

Json
Read(const JsonbEntry &entry)
{
	switch (entry.kind) {
	case Kind::kString:
		return entry.bytes;
	case Kind::kNumeric: {
		Buffer text;
		FormatNumeric(text, entry.bytes.substr(4));
		return Json::parse(text.View());
	}
	case Kind::kFalse:
		return false;
	case Kind::kTrue:
		return true;
	case Kind::kNull:
		return nullptr;
	case Kind::kContainer:
		return Read(JsonbContainer(entry.bytes));
	case Kind::kDamaged:
		break;
	}
	ADD_FAILURE() << "damaged";
	return nullptr;
}

Json
Read(const JsonbContainer &container)
{
	auto first = container.First();
	if (container.IsScalar())
		return Read(first.Next());
	Json json = container.IsObject() ? Json::object() : Json::array();
	auto values = container.Values();
	for (uint32_t i = 0; i < container.Count(); i++) {
		if (container.IsObject()) {
			std::string key(first.Next().bytes);
			json[key] = Read(values.Next());
		} else {
			json.push_back(Read(first.Next()));
		}
	}
	return json;
}

// Trees of all kinds; some containers are wide enough for a second and a third offset.
Json
RandomJson(test::Random &random, int depth)
{
	uint64_t kind = random.Below(depth > 0 ? 8 : 5);
	switch (kind) {
	case 0:
		return nullptr;
	case 1:
		return random.Below(2) == 0;
	case 2:
		return random.AnySize();
	case 3:
	case 4:
		return random.Text(random.Below(9), "abc");
	default:
		break;
	}
	Json json = kind == 5 ? Json::array() : Json::object();
	uint64_t width = random.Below(random.Below(depth == 1 ? 4 : 16) == 0 ? 100 : 6);
	for (uint64_t i = 0; i < width; i++) {
		if (json.is_array())
			json.push_back(RandomJson(random, depth - 1));
		else
			json[random.Text(random.Below(9), "abc")] = RandomJson(random, depth - 1);
	}
	return json;
}

TEST(Jsonb, ByHand)
{
	// {"a": "bc", "n": null}
	const uint32_t words[] = {0x20000002, 0x80000001, 1, 2, 0x40000000};
	std::string bytes(reinterpret_cast<const char *>(words), sizeof words);
	bytes += "anbc";
	EXPECT_EQ(Read(JsonbContainer(bytes)), (Json{{"a", "bc"}, {"n", nullptr}}));
	EXPECT_EQ(test::StoredJsonb::Of({{"a", "bc"}, {"n", nullptr}}), bytes);
}

TEST(Jsonb, Kinds)
{
	struct
	{
		Json json;
		bool object;
		bool scalar;
		uint32_t count;
	} const cases[] = {
		{Json::object(), true, false, 0},    {Json::array(), false, false, 0}, {{{"a", 1}, {"b", 2}}, true, false, 2},
		{Json::array({1}), false, false, 1}, {"text", false, true, 1},         {nullptr, false, true, 1},
	};
	for (const auto &[json, object, scalar, count] : cases) {
		std::string bytes = test::StoredJsonb::Of(json);
		JsonbContainer container(bytes);
		EXPECT_EQ(container.IsObject(), object) << json;
		EXPECT_EQ(container.IsScalar(), scalar) << json;
		EXPECT_EQ(container.Count(), count) << json;
	}
}

TEST(Jsonb, WritesArraysAsTheServerDoes)
{
	test::Random random(11);
	for (size_t count : {0, 1, 2, 31, 32, 33, 64, 65, 200}) {
		Json array = Json::array();
		std::vector<std::string> elements;
		for (size_t i = 0; i < count; i++) {
			array.push_back({{"k", RandomJson(random, 2)}, {random.Text(1 + random.Below(6), "abc"), i}});
			elements.push_back(test::StoredJsonb::Of(array.back()));
		}
		Buffer out;
		ASSERT_TRUE(WriteArray(out, std::vector<std::string_view>(elements.begin(), elements.end())));
		EXPECT_EQ(out.View(), test::StoredJsonb::Of(array));
	}
}

TEST(Jsonb, WritesNoArrayBeyondTheServersLimit)
{
	std::string large(size_t{64} << 20, '\0');
	std::vector<std::string_view> elements(4, large);
	Buffer out;
	EXPECT_FALSE(WriteArray(out, elements));
}

// Its entries count, too.
TEST(Jsonb, NoContainerIsBeyondTheServersLimit)
{
	auto fits = [](size_t entries) {
		Buffer out;
		return jsonb::ContainerWriter(out, jsonb::kArray, entries, entries).Fits();
	};
	constexpr size_t kMost = jsonb::kOffsetOrLengthMask / jsonb::kWord - 1;
	EXPECT_TRUE(fits(kMost));
	EXPECT_FALSE(fits(kMost + 1));
}

TEST(Jsonb, WritesTx)
{
	test::Random random(12);
	for (int round = 0; round < 200; round++) {
		std::string id = random.Text(1 + random.Below(Tx::kMaxTransactionId), "abc.01");
		std::string source = random.Text(1 + random.Below(Tx::kMaxSourceId), "xyz");
		std::string field = random.Text(random.Below(Tx::kMaxChangedField), "f_");
		Tx tx{id, source, field.empty() ? std::string_view() : field};
		std::string bytes(JsonbSize(tx), '\0');
		WriteJsonb(tx, bytes.data());
		Json json = {{"transactionId", id}, {"sourceId", source}, {"changedField", nullptr}};
		if (!field.empty())
			json["changedField"] = field;
		JsonbContainer container(bytes);
		ASSERT_EQ(Read(container), json);
		auto key = container.First(); // the server looks for keys by their lengths
		for (std::string_view name : {"sourceId", "changedField", "transactionId"})
			ASSERT_EQ(key.Next().bytes, name);
	}
}

TEST(Jsonb, ReadsWhatWasStored)
{
	test::Random random(1);
	for (int round = 0; round < 3000; round++) {
		Json json = RandomJson(random, 4);
		std::string bytes = test::StoredJsonb::Of(json);
		ASSERT_EQ(Read(JsonbContainer(bytes)), json);
	}
}

TEST(Jsonb, ContainersOfEachWidth)
{
	test::Random random(2);
	for (size_t width = 0; width <= 130; width++) {
		Json array = Json::array();
		Json object = Json::object();
		for (size_t i = 0; i < width; i++) {
			array.push_back(RandomJson(random, 1));
			object[std::to_string(i)] = RandomJson(random, 1);
		}
		for (const Json &json : {array, object}) {
			std::string bytes = test::StoredJsonb::Of(json);
			ASSERT_EQ(Read(JsonbContainer(bytes)), json);
		}
	}
}

// Damaged offsets can make containers overlap, and many of them: the walk ends when its budget does.
void
Walk(std::string_view bytes, int &budget)
{
	JsonbContainer container(bytes);
	auto cursor = container.First();
	uint64_t entries = container.IsObject() ? uint64_t{container.Count()} * 2 : container.Count();
	ASSERT_LE(4 + 4 * entries, container.Count() == 0 ? 4 : bytes.size());
	for (uint64_t i = 0; i < entries && budget-- > 0; i++) {
		JsonbEntry entry = cursor.Next();
		if (entry.kind == Kind::kDamaged)
			continue;
		ASSERT_GE(entry.bytes.data(), bytes.data() + 4 + 4 * entries);
		ASSERT_LE(entry.bytes.data() + entry.bytes.size(), bytes.data() + bytes.size());
		if (entry.kind == Kind::kContainer) {
			ASSERT_NO_FATAL_FAILURE(Walk(entry.bytes, budget));
		}
	}
	if (container.Count() > 0)
		container.Values();
}

// Behind the last byte is no other: a sanitizer sees who reads on.
void
ExpectReadWithinBounds(std::string_view bytes)
{
	std::vector<char> exact(bytes.begin(), bytes.end());
	std::string_view view(exact.data(), exact.size());
	int budget = 2000;
	ASSERT_NO_FATAL_FAILURE(Walk(view, budget));
	Tx tx;
	if (ReadTx(view, tx) == nullptr) {
		ASSERT_EQ(Defect(tx), nullptr);
		for (std::string_view member : {tx.transaction_id, tx.source_id}) {
			ASSERT_GE(member.data(), view.data());
			ASSERT_LE(member.data() + member.size(), view.data() + view.size());
		}
	}
}

TEST(Jsonb, TruncatedIsReadWithinItsBounds)
{
	test::Random random(3);
	for (int round = 0; round < 200; round++) {
		std::string bytes = test::StoredJsonb::Of(RandomJson(random, 3));
		size_t step = 1 + bytes.size() / 200;
		for (size_t size = 0; size < bytes.size(); size += step)
			ASSERT_NO_FATAL_FAILURE(ExpectReadWithinBounds(std::string_view(bytes).substr(0, size)));
	}
}

TEST(Jsonb, WhatIsCutOffIsDamagedAndTheRestIsNot)
{
	test::Random random(4);
	for (int round = 0; round < 300; round++) {
		Json json = Json::array();
		for (uint64_t i = random.Below(70); i > 0; i--)
			json.push_back(RandomJson(random, 1));
		std::string bytes = test::StoredJsonb::Of(json);
		size_t content = 4 + 4 * json.size();
		size_t size = content + random.Below(bytes.size() - content + 1);
		JsonbContainer whole(bytes);
		JsonbContainer cut(std::string_view(bytes).substr(0, size));
		ASSERT_EQ(cut.Count(), json.size());
		auto all = whole.First();
		auto some = cut.First();
		for (size_t i = 0; i < json.size(); i++) {
			JsonbEntry expected = all.Next();
			JsonbEntry entry = some.Next();
			bool there = static_cast<size_t>(expected.bytes.data() - bytes.data()) + expected.bytes.size() <= size;
			ASSERT_EQ(entry.kind, there ? expected.kind : Kind::kDamaged);
			if (there) {
				ASSERT_EQ(entry.bytes, expected.bytes);
			}
		}
	}
}

TEST(Jsonb, WithoutRoomForItsEntriesThereAreNone)
{
	std::string bytes = test::StoredJsonb::Of(Json::array({"abc", "def"}));
	EXPECT_EQ(JsonbContainer(std::string_view(bytes).substr(0, 12)).Count(), 2u);
	for (size_t size = 0; size < 12; size++)
		EXPECT_EQ(JsonbContainer(std::string_view(bytes).substr(0, size)).Count(), 0u) << size;
	EXPECT_EQ(JsonbContainer({}).Count(), 0u);
	const uint32_t most = 0x2FFFFFFF;
	EXPECT_EQ(JsonbContainer({reinterpret_cast<const char *>(&most), 4}).Count(), 0u);
}

TEST(Jsonb, MutatedIsReadWithinItsBounds)
{
	test::Random random(5);
	for (int round = 0; round < 20000; round++) {
		Json json = random.Below(2) == 0 ? RandomJson(random, 3) : Json{{"transactionId", "t"}, {"sourceId", "s"}};
		std::string bytes = test::StoredJsonb::Of(json);
		for (uint64_t edits = 1 + random.Below(4); edits > 0; edits--) {
			// Most of them where headers and entries are.
			size_t at = random.Below(random.Below(2) == 0 ? bytes.size() : std::min<size_t>(bytes.size(), 24));
			bytes[at] =
				random.Below(2) == 0 ? static_cast<char>(random.Bits()) : "\x00\x01\x7F\x80\xFF\x20"[random.Below(6)];
		}
		ASSERT_NO_FATAL_FAILURE(ExpectReadWithinBounds(bytes));
	}
}

std::string
ReadTxOf(const Json &json, Tx &tx, std::string &bytes)
{
	bytes = test::StoredJsonb::Of(json);
	const char *defect = ReadTx(bytes, tx);
	return defect == nullptr ? "" : defect;
}

std::string
DefectOf(const Json &json)
{
	Tx tx;
	std::string bytes;
	return ReadTxOf(json, tx, bytes);
}

TEST(ReadTx, OnlyAnObject)
{
	for (const Json &json :
		 {Json(), Json("t"), Json(1), Json(true), Json::array(), Json::array({"transactionId", "t"})})
		EXPECT_EQ(DefectOf(json), "tx is not an object") << json;
	Tx tx;
	EXPECT_STREQ(ReadTx({}, tx), "tx is not an object");
	EXPECT_EQ(DefectOf(Json::object()), "transactionId must be a text of 1 to 128 bytes");
}

TEST(ReadTx, NullCountsAsMissing)
{
	Tx tx;
	std::string bytes;
	EXPECT_EQ(ReadTxOf({{"transactionId", "t"}, {"sourceId", "s"}, {"changedField", nullptr}}, tx, bytes), "");
	EXPECT_EQ(tx.transaction_id, "t");
	EXPECT_EQ(tx.source_id, "s");
	EXPECT_EQ(tx.changed_field.data(), nullptr);
	EXPECT_EQ(DefectOf({{"transactionId", nullptr}, {"sourceId", "s"}}),
			  "transactionId must be a text of 1 to 128 bytes");
	EXPECT_EQ(DefectOf({{"transactionId", "t"}, {"sourceId", nullptr}}), "sourceId must be a text of 1 to 64 bytes");
}

TEST(ReadTx, EmptyIsNotMissing)
{
	EXPECT_EQ(DefectOf({{"transactionId", "t"}, {"sourceId", "s"}, {"changedField", ""}}),
			  "changedField must be null or a text of 1 to 64 bytes");
}

TEST(ReadTx, OtherKindsAreErrorsOnlyInItsMembers)
{
	for (const Json &other : {Json(1), Json(true), Json(false), Json::array(), Json{{"transactionId", "x"}}}) {
		Json json{{"transactionId", "t"}, {"sourceId", "s"}, {"transactionid", other}, {"", other}, {"zzz", other}};
		EXPECT_EQ(DefectOf(json), "") << json;
		for (const char *name : {"transactionId", "sourceId", "changedField"}) {
			Json wrong = json;
			wrong[name] = other;
			EXPECT_TRUE(DefectOf(wrong).starts_with(std::string(name) + " must be ")) << wrong;
		}
	}
}

// What a tx of these members is, by the rules alone.
std::string
ExpectedDefect(const Json &json)
{
	auto member = [&](const char *name) { return json.contains(name) ? json[name] : Json(); };
	auto fits = [](const Json &text, size_t most) {
		return text.is_string() && !text.get<std::string>().empty() && text.get<std::string>().size() <= most;
	};
	if (!fits(member("transactionId"), 128))
		return "transactionId must be a text of 1 to 128 bytes";
	if (!fits(member("sourceId"), 64))
		return "sourceId must be a text of 1 to 64 bytes";
	if (!member("changedField").is_null() && !fits(member("changedField"), 64))
		return "changedField must be null or a text of 1 to 64 bytes";
	return "";
}

TEST(ReadTx, AmongOtherMembers)
{
	test::Random random(6);
	auto view = [](const Json &json, const char *name) {
		return json.contains(name) && json[name].is_string() ? json[name].get<std::string>() : "";
	};
	int sound = 0;
	for (int round = 0; round < 5000; round++) {
		Json json = Json::object();
		for (uint64_t others = random.Below(70); others > 0; others--)
			json[random.Text(1 + random.Below(3), "aqstuz")] = RandomJson(random, 1);
		for (const char *name : {"transactionId", "sourceId", "changedField"}) {
			if (random.Below(10) > 0)
				json[name] = random.Text(1 + random.Below(random.Below(10) == 0 ? 140 : 60), "xyz");
			else if (random.Below(2) == 0)
				json[name] = RandomJson(random, 1);
		}
		Tx tx;
		std::string bytes;
		std::string defect = ReadTxOf(json, tx, bytes);
		ASSERT_EQ(defect, ExpectedDefect(json)) << json;
		if (!defect.empty())
			continue;
		sound++;
		ASSERT_EQ(tx.transaction_id, view(json, "transactionId"));
		ASSERT_EQ(tx.source_id, view(json, "sourceId"));
		ASSERT_EQ(tx.changed_field, view(json, "changedField"));
		ASSERT_EQ(tx.changed_field.data() == nullptr, !json.contains("changedField") || json["changedField"].is_null());
	}
	EXPECT_GT(sound, 2000);
}

TEST(Jsonb, MembersAndElements)
{
	std::string stored = test::StoredJsonb::Of(Json::parse(R"({"a":"x","bb":[1,"y",null],"c":{}})"));
	JsonbContainer object(stored);
	std::vector<std::string> names;
	for (const auto &[name, value] : object.Members()) {
		names.emplace_back(name);
		EXPECT_EQ(object.Find(name).kind, value.kind);
		EXPECT_EQ(object.Find(name).bytes, value.bytes);
	}
	EXPECT_EQ(names, (std::vector<std::string>{"a", "bb", "c"}));
	EXPECT_EQ(object.Find("a").bytes, "x");
	EXPECT_EQ(object.Find("b").kind, Kind::kDamaged);

	std::vector<Kind> kinds;
	for (const JsonbEntry &element : JsonbContainer(object.Find("bb").bytes).Elements())
		kinds.push_back(element.kind);
	EXPECT_EQ(kinds, (std::vector{Kind::kNumeric, Kind::kString, Kind::kNull}));
	for (const JsonbContainer::Member &member : JsonbContainer(object.Find("c").bytes).Members())
		ADD_FAILURE() << member.name;
}

TEST(Jsonb, Texts)
{
	auto read = [](const char *json) -> std::optional<std::vector<std::string>> {
		std::string stored = test::StoredJsonb::Of(Json::parse(json));
		auto texts = TextsOf(JsonbContainer(stored));
		if (!texts)
			return std::nullopt;
		return std::vector<std::string>(texts->begin(), texts->end());
	};
	EXPECT_EQ(read(R"(["a","","b"])"), (std::vector<std::string>{"a", "", "b"}));
	EXPECT_EQ(read("[]"), std::vector<std::string>());
	for (const char *other : {R"(["a",1])", "[null]", R"([["a"]])", R"({"a":"b"})", "{}", R"("a")", "null"})
		EXPECT_EQ(read(other), std::nullopt) << other;

	std::string stored = test::StoredJsonb::Of(Json::parse(R"({"list":["a"],"text":"a"})"));
	EXPECT_EQ(TextsOf(JsonbContainer(stored).Find("list")), std::vector<std::string_view>{"a"});
	EXPECT_EQ(TextsOf(JsonbContainer(stored).Find("text")), std::nullopt);
	EXPECT_EQ(TextsOf(JsonbEntry()), std::nullopt);
}

} // namespace
} // namespace txsync::core
