#include "core/change.h"
#include "core/compact.h"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "unit/random.h"

namespace txsync::core {
namespace {

using Json = nlohmann::ordered_json;

std::string
Line(const Change &change, Form form = Form::kWhole)
{
	Buffer out;
	Write(out, change, form);
	return std::string(out.View());
}

std::string
Expanded(const Change &change)
{
	Buffer lsn;
	WriteLsn(lsn, change.position.commit_lsn);
	Buffer out;
	EXPECT_TRUE(Expand(out, Line(change, Form::kCompact), {lsn.View(), change.committed_at}));
	return std::string(out.View());
}

Json
Parsed(const Change &change)
{
	return Json::parse(Line(change));
}

std::vector<std::string>
MemberNames(const Json &object)
{
	std::vector<std::string> names;
	for (const auto &member : object.items())
		names.push_back(member.key());
	return names;
}

const std::vector<std::string> &
Mandatory()
{
	static const auto *const names = new std::vector<std::string>{
		"activityId", "position",    "committedAt", "entityType", "entityId",   "organizationId",
		"action",     "changedKeys", "tx",          "version",    "rowVersion", "data",
	};
	return *names;
}

TEST(Change, WhatIsNotToldIsNullOrAbsent)
{
	Json line = Parsed({});
	EXPECT_EQ(MemberNames(line), Mandatory());
	for (const char *name :
		 {"activityId", "entityId", "organizationId", "changedKeys", "tx", "version", "rowVersion", "data"})
		EXPECT_TRUE(line[name].is_null()) << name;
}

TEST(Change, EmptyTextsAreNotNull)
{
	Change change;
	change.entity_id = "";
	change.organization_id = "";
	change.version = "";
	Json line = Parsed(change);
	for (const char *name : {"entityId", "organizationId", "version"})
		EXPECT_EQ(line[name], "") << name;
}

TEST(Change, Actions)
{
	Change change;
	EXPECT_EQ(Parsed(change)["action"], "create");
	change.action = Action::kUpdate;
	EXPECT_EQ(Parsed(change)["action"], "update");
	change.action = Action::kDelete;
	EXPECT_EQ(Parsed(change)["action"], "delete");
}

TEST(Change, ActionsComeBackByTheirNames)
{
	for (Action action : {Action::kCreate, Action::kUpdate, Action::kDelete, Action::kTruncate, Action::kEvent,
						  Action::kGap, Action::kVisibility})
		EXPECT_EQ(ActionOf(Name(action)), action);
	EXPECT_FALSE(ActionOf("other"));
	EXPECT_FALSE(ActionOf(""));
}

TEST(Change, VersionsAreOptional)
{
	Change change;
	EXPECT_FALSE(Parsed(change).contains("versions"));
	auto versions = [](Buffer &out) { out.Append("{\"last\":\"t\"}"); };
	change.versions = ValueWriter(versions);
	EXPECT_EQ(Parsed(change)["versions"], Json::parse(R"({"last": "t"})"));
}

TEST(Change, KnownKeysMayBeNone)
{
	std::string_view names[] = {"a"};
	Change change;
	change.changed_keys = {true, {}};
	EXPECT_EQ(Parsed(change)["changedKeys"], Json::array());
	change.changed_keys = {true, names};
	EXPECT_EQ(Parsed(change)["changedKeys"], Json::array({"a"}));
	change.changed_keys = {false, names};
	EXPECT_TRUE(Parsed(change)["changedKeys"].is_null());
}

TEST(Change, AsDocumented)
{
	std::string_view keys[] = {"title", "body"};
	std::string_view unchanged[] = {"attachment"};
	auto data = [](Buffer &out) { out.Append(R"({"id":1})"); };
	auto old_key = [](Buffer &out) { out.Append(R"({"id":2})"); };
	auto old = [](Buffer &out) { out.Append(R"({"id":3})"); };
	Change change;
	change.position = {0x16B3748, 0x16B3700, 2};
	change.committed_at = "2026-11-21T09:00:00.123456Z";
	change.entity_type = "pages";
	change.entity_id = "7";
	change.organization_id = "o\"1";
	change.action = Action::kUpdate;
	change.changed_keys = {true, keys};
	change.tx = {"1.0001.n", "browser", "title"};
	change.version = "1.0001.n";
	change.row_version = 7;
	change.data = ValueWriter(data);
	change.unchanged_keys = unchanged;
	change.old_key = ValueWriter(old_key);
	change.old = ValueWriter(old);
	change.origin = "upstream";
	change.tx_error = "sourceId is missing";
	EXPECT_EQ(Line(change),
			  R"({"activityId":null,"position":"0/16B3748-0/16B3700-2","committedAt":"2026-11-21T09:00:00.123456Z",)"
			  R"("entityType":"pages","entityId":"7","organizationId":"o\"1","action":"update",)"
			  R"("changedKeys":["title","body"],)"
			  R"("tx":{"transactionId":"1.0001.n","sourceId":"browser","changedField":"title"},"version":"1.0001.n",)"
			  R"("rowVersion":7,"data":{"id":1},"unchangedKeys":["attachment"],"oldKey":{"id":2},"old":{"id":3},)"
			  R"("origin":"upstream","txError":"sourceId is missing"})");
}

TEST(Change, IsWrittenBehindWhatIsThere)
{
	Buffer out;
	out.Append("[");
	Write(out, Change{}, Form::kWhole);
	EXPECT_EQ(out.View(), "[" + Line({}));
}

// A change and, beside it, what its line must say.
class Model
{
public:
	explicit Model(test::Random &random)
		: random_(random)
	{
		change.position = {random.AnySize(), random.AnySize(), static_cast<uint32_t>(random.Bits())};
		Buffer position;
		Write(position, change.position);
		line["activityId"] = nullptr;
		line["position"] = position.View();
		Set("committedAt", change.committed_at, "2026-11-21T09:00:00.123456Z");
		Set("entityType", change.entity_type, Text());
		SetOrNull("entityId", change.entity_id);
		SetOrNull("organizationId", change.organization_id);
		change.action = static_cast<Action>(random.Below(3));
		line["action"] = Json::array({"create", "update", "delete"})[static_cast<size_t>(change.action)];
		line["changedKeys"] = nullptr;
		change.changed_keys.known = random.Below(3) > 0;
		change.changed_keys.names = Names(changed_keys_);
		if (change.changed_keys.known)
			line["changedKeys"] = changed_keys_;
		SetTx();
		SetOrNull("version", change.version);
		change.row_version = RowVersion();
		line["rowVersion"] = nullptr;
		if (change.row_version > 0)
			line["rowVersion"] = change.row_version;
		line["data"] = nullptr;
		Maybe("data", change.data, data_);
		if (random.Below(2) == 0) {
			change.unchanged_keys = Names(unchanged_keys_);
			if (!unchanged_keys_.empty())
				line["unchangedKeys"] = unchanged_keys_;
		}
		Maybe("oldKey", change.old_key, old_key_);
		Maybe("old", change.old, old_);
		MaybeText("origin", change.origin);
		MaybeText("txError", change.tx_error);
	}
	Model(const Model &) = delete;
	Model &operator=(const Model &) = delete;

	Change change;
	Json line;

private:
	struct Value
	{
		std::string json;

		void
		operator()(Buffer &out) const
		{
			out.Append(json);
		}
	};

	std::string
	Text()
	{
		std::string text = random_.Text(random_.Below(12), "ab\"\\\n\x01{},:");
		return random_.Below(3) == 0 ? text + "zażółć 🐘" : text;
	}

	// Often what a compact line leaves out.
	uint64_t
	RowVersion()
	{
		return random_.Below(2) == 0 ? random_.Below(3) : random_.AnySize() & INT64_MAX;
	}

	std::string_view
	Keep(std::string text)
	{
		return *kept_.emplace_back(std::make_unique<std::string>(std::move(text)));
	}

	void
	Set(const char *name, std::string_view &member, std::string text)
	{
		member = Keep(std::move(text));
		line[name] = member;
	}

	void
	SetOrNull(const char *name, std::string_view &member)
	{
		line[name] = nullptr;
		if (random_.Below(3) > 0)
			Set(name, member, Text());
	}

	void
	MaybeText(const char *name, std::string_view &member)
	{
		std::string text = Text();
		if (text.empty())
			member = Keep(text);
		else if (random_.Below(2) == 0)
			Set(name, member, text);
	}

	void
	SetTx()
	{
		line["tx"] = nullptr;
		if (random_.Below(3) == 0)
			return;
		change.tx = {Keep(Text()), Keep(Text()), {}};
		line["tx"] = {
			{"transactionId", change.tx.transaction_id}, {"sourceId", change.tx.source_id}, {"changedField", nullptr}};
		if (random_.Below(2) == 0)
			line["tx"]["changedField"] = change.tx.changed_field = Keep(Text());
	}

	std::vector<std::string_view> &
	Names(std::vector<std::string_view> &names)
	{
		for (uint64_t count = random_.Below(4); count > 0; count--)
			names.push_back(Keep(Text()));
		return names;
	}

	void
	Maybe(const char *name, ValueWriter &member, Value &value)
	{
		if (random_.Below(2) == 0)
			return;
		Json json = {{"z", Text()}, {"a", Json::array({1, nullptr})}};
		line[name] = json;
		value.json = json.dump();
		member = ValueWriter(value);
	}

	test::Random &random_;
	std::vector<std::unique_ptr<std::string>> kept_;
	std::vector<std::string_view> changed_keys_;
	std::vector<std::string_view> unchanged_keys_;
	Value data_;
	Value old_key_;
	Value old_;
};

TEST(Change, LineSaysWhatTheChangeDoesInTheOrderOfMembers)
{
	test::Random random(1);
	for (int round = 0; round < 5000; round++) {
		Model model(random);
		std::string line = Line(model.change);
		ASSERT_EQ(line.find('\n'), line.npos);
		ASSERT_EQ(Json::parse(line).dump(), model.line.dump());
	}
}

TEST(Change, CompactLineStandsForTheWholeOne)
{
	test::Random random(2);
	for (int round = 0; round < 5000; round++) {
		Model model(random);
		if (random.Below(2) == 0)
			model.change.position.row = 0;
		if (random.Below(2) == 0)
			model.change.version = model.change.tx.transaction_id;
		if (random.Below(8) == 0) { // part of no transaction
			model.change.committed_at = {};
			model.change.position.commit_lsn |= 1;
		}
		ASSERT_EQ(Expanded(model.change), Line(model.change));
	}
}

TEST(Change, Compact)
{
	auto data = [](Buffer &out) { out.Append(R"({"id":1})"); };
	Change change;
	change.position = {0x16B3748, 0x16B3700, 0};
	change.committed_at = "2026-11-21T09:00:00.123456Z";
	change.entity_type = "pages";
	change.entity_id = "7";
	change.tx = {"1.0001.n", "browser", {}};
	change.version = "1.0001.n";
	change.row_version = 1;
	change.data = ValueWriter(data);
	EXPECT_EQ(Line(change, Form::kCompact),
			  R"({"position":"0/16B3700","entityType":"pages","entityId":"7","action":"create",)"
			  R"("tx":{"transactionId":"1.0001.n","sourceId":"browser"},"data":{"id":1}})");
	change.position.row = 2;
	change.row_version = 3;
	change.version = "1.0002.n";
	change.action = Action::kDelete;
	change.tx = {};
	change.data = {};
	EXPECT_EQ(Line(change, Form::kCompact),
			  R"({"position":"0/16B3700-2","entityType":"pages","entityId":"7","action":"delete",)"
			  R"("version":"1.0002.n","rowVersion":3})");
}

TEST(Change, CompactRowVersions)
{
	auto compact = [](Action action, uint64_t row_version) {
		Change change;
		change.committed_at = "2026-11-21T09:00:00.123456Z";
		change.action = action;
		change.row_version = row_version;
		EXPECT_EQ(Expanded(change), Line(change));
		Json line = Json::parse(Line(change, Form::kCompact));
		return line.contains("rowVersion") ? line["rowVersion"].dump() : "";
	};
	EXPECT_EQ(compact(Action::kCreate, 1), "");
	EXPECT_EQ(compact(Action::kCreate, 0), "null");
	EXPECT_EQ(compact(Action::kCreate, 2), "2");
	for (Action action : {Action::kUpdate, Action::kDelete, Action::kTruncate, Action::kEvent, Action::kGap}) {
		EXPECT_EQ(compact(action, 0), "");
		EXPECT_EQ(compact(action, 1), "1");
		EXPECT_EQ(compact(action, INT64_MAX), "9223372036854775807");
	}
}

TEST(Compact, OtherLinesAreRefused)
{
	for (const char *line :
		 {"", "{", "{}", R"({"position":)", R"({"position":"0/1)", R"({"control":"stop","xid":7})"}) {
		Buffer out;
		EXPECT_FALSE(Expand(out, line, {"0/1", "now"})) << line;
		EXPECT_EQ(out.Size(), 0U) << line;
	}
}

TEST(ValueWriter, CopyIsWhatWasCopied)
{
	ValueWriter nothing;
	ValueWriter copy_of_nothing(nothing);
	EXPECT_FALSE(copy_of_nothing);

	auto one = [](Buffer &out) { out.Append('1'); };
	auto two = [](Buffer &out) { out.Append('2'); };
	ValueWriter writer(one);
	ValueWriter copy(writer);
	writer = ValueWriter(two);
	Buffer out;
	copy(out);
	writer(out);
	EXPECT_EQ(out.View(), "12");
}

} // namespace
} // namespace txsync::core
