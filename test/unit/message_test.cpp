#include "core/message.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "unit/random.h"

namespace txsync::core {
namespace {

using Field = std::optional<std::string>;

// A hint that owns its bytes.
struct Model
{
	Hint::Kind kind = Hint::Kind::kDelete;
	uint32_t relation = 0;
	std::string key;
	Field organization;
	Field transaction_id;
	Field source_id;
	Field version = {};
	uint64_t row_version = 0;

	bool operator==(const Model &) const = default;
};

Hint
ToHint(const Model &model)
{
	auto view = [](const Field &field) { return field ? std::string_view(*field) : std::string_view(); };
	return {model.kind,
			model.relation,
			model.key,
			view(model.organization),
			view(model.transaction_id),
			view(model.source_id),
			view(model.version),
			model.row_version};
}

std::optional<Model>
Parse(std::string_view message)
{
	// Behind the last byte is no other: a sanitizer sees who reads on.
	std::vector<char> exact(message.begin(), message.end());
	auto hint = ParseHint({exact.data(), exact.size()});
	if (!hint)
		return std::nullopt;
	auto field = [](std::string_view view) { return view.data() == nullptr ? Field() : Field(view); };
	return Model{hint->kind,
				 hint->relation,
				 std::string(hint->key),
				 field(hint->organization),
				 field(hint->transaction_id),
				 field(hint->source_id),
				 field(hint->version),
				 hint->row_version};
}

std::string
Written(const Model &model)
{
	Buffer out;
	Write(out, ToHint(model));
	return std::string(out.View());
}

Model
RandomModel(test::Random &random)
{
	auto bytes = [&] {
		// What a wrong reader would stumble over, or anything.
		return random.Below(2) == 0 ? random.Text(random.Below(12), std::string_view("01:-\0", 5))
									: random.Bytes(random.Below(random.Below(8) == 0 ? 300 : 12));
	};
	auto field = [&] { return random.Below(3) == 0 ? Field() : Field(bytes()); };
	return {Hint::Kind{"DOM"[random.Below(3)]},
			static_cast<uint32_t>(random.AnySize()),
			bytes(),
			field(),
			field(),
			field(),
			field(),
			random.Below(3) == 0 ? 0 : random.AnySize()};
}

TEST(Message, Bytes)
{
	EXPECT_EQ(Written({Hint::Kind::kDelete, 16384, "1:7", "acme", "1.0001.n", "s", "1.0001.n", 3}),
			  "1D16384:3:1:74:acme8:1.0001.n1:s8:1.0001.n3:");
	EXPECT_EQ(Written({Hint::Kind::kDelete, 1, "k", {}, {}, {}, "2.0000.n", 18446744073709551615U}),
			  "1D1:1:k---8:2.0000.n18446744073709551615:");
	EXPECT_EQ(Written({Hint::Kind::kOrg, 0, "-", "", {}, {}}), "1O0:1:-0:---0:");
	EXPECT_EQ(Written({Hint::Kind::kMove, 4294967295, "", {}, {}, {}}), "1M4294967295:0:----0:");
	EXPECT_STREQ(kMessagePrefix, "txsync");
}

TEST(Message, IsWrittenBehindWhatIsThere)
{
	Buffer out;
	out.Append("x");
	Write(out, ToHint({Hint::Kind::kMove, 1, "k", {}, {}, {}}));
	EXPECT_EQ(out.View(), "x1M1:1:k----0:");
}

TEST(Message, RoundTrip)
{
	test::Random random(1);
	for (int round = 0; round < 20000; round++) {
		Model model = RandomModel(random);
		ASSERT_EQ(Parse(Written(model)), model);
	}
}

TEST(Message, HintIsAViewIntoTheMessage)
{
	std::string message = Written({Hint::Kind::kDelete, 1, "key", "org", "tx", "", "version", 7});
	auto hint = ParseHint(message);
	ASSERT_TRUE(hint);
	const char *end = message.data() + message.size();
	for (std::string_view field : {hint->key, hint->organization, hint->transaction_id, hint->source_id, hint->version})
		EXPECT_TRUE(field.data() >= message.data() && field.data() + field.size() <= end);
}

TEST(Message, CutOrExtendedIsRefused)
{
	test::Random random(2);
	for (int round = 0; round < 1000; round++) {
		std::string message = Written(RandomModel(random));
		for (size_t size = 0; size < message.size(); size++)
			ASSERT_EQ(Parse(message.substr(0, size)), std::nullopt) << size << " of " << message;
		ASSERT_EQ(Parse(message + random.Text(1, "-0:x")), std::nullopt);
	}
}

TEST(Message, OneHintHasOneMessage)
{
	test::Random random(3);
	int parsed = 0;
	for (int round = 0; round < 50000; round++) {
		std::string message = Written(RandomModel(random));
		size_t at = random.Below(message.size());
		message.replace(at, random.Below(2), random.Text(random.Below(2), "0123456789:-+ DOMx"));
		if (auto model = Parse(message)) {
			parsed++;
			ASSERT_EQ(Written(*model), message);
		}
	}
	EXPECT_GT(parsed, 5000);
	EXPECT_LT(parsed, 45000);
}

TEST(Message, Malformed)
{
	ASSERT_TRUE(Parse("1D1:1:k----0:"));
	for (const char *message : {
			 "",
			 "1",
			 "1D",
			 "2D1:1:k----0:",
			 "0D1:1:k----0:",
			 "1d1:1:k----0:",
			 "1X1:1:k----0:",
			 "1D1:-----0:",
			 "1D:1:k----0:",
			 "1D-1:1:k----0:",
			 "1D+1:1:k----0:",
			 "1D 1:1:k----0:",
			 "1D01:1:k----0:",
			 "1D00:1:k----0:",
			 "1D1 :1:k----0:",
			 "1D1-1:k----0:",
			 "1Da:1:k----0:",
			 "1D4294967296:1:k----0:",
			 "1D18446744073709551616:1:k----0:",
			 "1D1:01:k----0:",
			 "1D1:2:k----0:",
			 "1D1:18446744073709551615:k----0:",
			 "1D1:18446744073709551617:k----0:",
			 "1D1:1:k---0:",
			 "1D1:1:k-----0:",
			 "1D1:1:k--00:-0:",
			 "1D1:1:k--+1:s-0:",
			 "1D1:1:k--1:",
			 "1D1:1:k--1",
			 "1D1:1:k---", // as it was before versions
			 "1D1:1:k----",
			 "1D1:1:k----0",
			 "1D1:1:k----:",
			 "1D1:1:k-----",
			 "1D1:1:k----00:",
			 "1D1:1:k-----1:",
			 "1D1:1:k----18446744073709551616:",
			 "1D1:1:k----0:0:",
		 })
		EXPECT_EQ(Parse(message), std::nullopt) << message;
}

TEST(Message, Annotate)
{
	for (std::string_view object : {R"({"a":1})", ""}) {
		Buffer out;
		Write(out, Annotate{object});
		EXPECT_EQ(out.View(), "1A" + std::to_string(object.size()) + ":" + std::string(object));
		auto annotate = ParseAnnotate(out.View());
		ASSERT_TRUE(annotate);
		EXPECT_EQ(annotate->object, object);
	}
	for (const char *message : {"", "1", "1A", "1A-", "2A0:", "1a0:", "1A1:", "1A0:x", "1A00:", "1A7:0:"})
		EXPECT_FALSE(ParseAnnotate(message)) << message;
}

TEST(Message, Sealed)
{
	Buffer content;
	BeginContent(content, 731);
	content.Append("body");
	EXPECT_EQ(content.View(), "731:body");
	EXPECT_EQ(BodyOf(content.View(), 731), "body");
	EXPECT_EQ(BodyOf(content.View(), 732), std::nullopt);
	for (const char *other : {"", "731", ":", "0731:body", "-731:body", "731body", "73:1"})
		EXPECT_EQ(BodyOf(other, 731), std::nullopt) << other;
	std::string seal(Sealed::kSealBytes, '\0');
	Buffer message;
	Write(message, Sealed{Sealed::Kind::kVisibility, seal, content.View()});
	EXPECT_EQ(message.View(), "1V" + seal + "731:body");
	auto sealed = ParseSealed(message.View());
	ASSERT_TRUE(sealed);
	EXPECT_EQ(sealed->kind, Sealed::Kind::kVisibility);
	EXPECT_EQ(sealed->seal, seal);
	EXPECT_EQ(sealed->content, content.View());
	for (const std::string &other :
		 {std::string(), std::string("1V"), "2V" + seal, "1X" + seal, "1D" + seal, "1V" + seal.substr(1)})
		EXPECT_FALSE(ParseSealed(other)) << other;
	EXPECT_FALSE(ParseHint(message.View()) || ParseAnnotate(message.View()));
}

TEST(Message, SealsOfOneKindAreNoneOfAnother)
{
	EXPECT_EQ(PurposeOf(Sealed::Kind::kEvent), "event");
	EXPECT_EQ(PurposeOf(Sealed::Kind::kVisibility), "visibility");
	EXPECT_EQ(PurposeOf(Sealed::Kind::kBackfill), "backfill");
}

TEST(Message, Event)
{
	Buffer out;
	Write(out, Event{"mail", {}, "1.0001.n", "s", R"({"to":1})"});
	EXPECT_EQ(out.View(), R"(4:mail-8:1.0001.n1:s8:{"to":1})");
	auto event = ParseEvent(out.View());
	ASSERT_TRUE(event);
	EXPECT_EQ(event->topic, "mail");
	EXPECT_EQ(event->key.data(), nullptr);
	EXPECT_EQ(event->transaction_id, "1.0001.n");
	EXPECT_EQ(event->source_id, "s");
	EXPECT_EQ(event->payload, R"({"to":1})");
	for (const char *other : {"", "-----", "1:t----x", "1:t---", "1:t---1:", "t----", "01:t----"})
		EXPECT_FALSE(ParseEvent(other)) << other;
	EXPECT_TRUE(ParseEvent("1:t----"));
}

TEST(Message, Entities)
{
	Buffer out;
	BeginEntities(out, 16384);
	Write(out, ListedEntity{"7", "acme"});
	Write(out, ListedEntity{"", {}});
	EXPECT_EQ(out.View(), "16384:1:74:acme0:-");
	auto entities = ParseEntities(out.View());
	ASSERT_TRUE(entities);
	EXPECT_EQ(entities->relation, 16384U);
	auto first = TakeEntity(entities->list);
	ASSERT_TRUE(first);
	EXPECT_TRUE(first->id == "7" && first->organization == "acme");
	auto second = TakeEntity(entities->list);
	ASSERT_TRUE(second);
	EXPECT_TRUE(second->id.empty() && second->organization.data() == nullptr);
	EXPECT_FALSE(TakeEntity(entities->list));
	EXPECT_TRUE(entities->list.empty());
	EXPECT_TRUE(ParseEntities("1:"));
	for (const char *other : {"", "1", ":", "01:", "4294967296:", "1:1:7", "1:--", "1:1:7-1", "1:1:71:", "1:x"})
		EXPECT_FALSE(ParseEntities(other)) << other;
}

// Lists of columns that differ have keys that differ, also where one column could be mistaken for two.
TEST(Message, LongKeysAreDigested)
{
	auto key = [](std::string_view image) {
		Buffer out;
		AppendKeyPart(out, image);
		return std::string(out.View());
	};
	EXPECT_EQ(key(std::string(1024, 'x')), "1024:" + std::string(1024, 'x'));
	EXPECT_EQ(key(std::string(1025, '\0')), "=1025:4278167583795685343:");
	std::string large(100000, 'x');
	EXPECT_LT(key(large).size(), 40U);
	std::string other = large;
	other[77777] = 'y';
	EXPECT_NE(key(other), key(large));
	EXPECT_NE(key(large + 'x'), key(large));
}

TEST(Message, KeysAreAsDifferentAsTheirColumns)
{
	test::Random random(4);
	auto list = [&] {
		std::vector<Field> parts(random.Below(3));
		for (Field &part : parts)
			part = random.Below(4) == 0 ? Field() : Field(random.Text(random.Below(4), "0:-"));
		return parts;
	};
	auto key = [](const std::vector<Field> &parts) {
		Buffer out;
		for (const Field &part : parts)
			AppendKeyPart(out, part ? std::string_view(*part) : std::string_view());
		return std::string(out.View());
	};
	for (int round = 0; round < 50000; round++) {
		std::vector<Field> a = list();
		std::vector<Field> b = list();
		ASSERT_EQ(key(a) == key(b), a == b) << key(a) << " and " << key(b);
	}
}

} // namespace
} // namespace txsync::core
