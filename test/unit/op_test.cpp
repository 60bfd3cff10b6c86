#include "core/op.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "unit/stored_jsonb.h"

namespace txsync::core {
namespace {

using Json = nlohmann::json;
using Kind = JsonbEntry::Kind;

const Json kUpdate = {{"transactionId", "t"}, {"sourceId", "s"},        {"entityType", "pages"}, {"entityId", "1"},
					  {"action", "update"},   {"changedField", "name"}, {"value", "new"}};

// An op and the bytes that it views.
struct Read
{
	explicit Read(const Json &json)
		: bytes(test::StoredJsonb::Of(json))
		, defect(ReadOp(JsonbContainer(bytes), op))
	{}

	std::string bytes;
	Op op;
	std::optional<OpDefect> defect;
};

Json
With(Json json, const Json &changes)
{
	json.update(changes);
	return json;
}

Json
Without(Json json, const char *member)
{
	json.erase(member);
	return json;
}

std::string
DefectOf(const Json &json)
{
	Read read(json);
	return read.defect ? std::string(read.defect->member) + ' ' + read.defect->what : "";
}

TEST(Op, Update)
{
	Read read(kUpdate);
	ASSERT_FALSE(read.defect);
	const Op &op = read.op;
	EXPECT_EQ(op.tx.transaction_id, "t");
	EXPECT_EQ(op.tx.source_id, "s");
	EXPECT_EQ(op.tx.changed_field, "name");
	EXPECT_EQ(op.entity_type, "pages");
	EXPECT_EQ(op.entity_id, "1");
	EXPECT_EQ(op.action, OpAction::kUpdate);
	EXPECT_EQ(op.operation, Operation::kSet);
	EXPECT_EQ(op.value.kind, Kind::kString);
	EXPECT_EQ(op.value.bytes, "new");
	EXPECT_FALSE(op.expects);
	EXPECT_FALSE(op.expected_version || op.stream_offset);
	EXPECT_EQ(op.replaces.data(), nullptr);
}

TEST(Op, CreateAndDeleteChangeNoField)
{
	Read create(With(Without(kUpdate, "value"), {{"action", "create"}, {"data", {{"name", "n"}}}}));
	ASSERT_FALSE(create.defect);
	EXPECT_EQ(create.op.action, OpAction::kCreate);
	EXPECT_EQ(create.op.tx.changed_field.data(), nullptr);
	EXPECT_EQ(JsonbContainer(create.op.data).Count(), 1U);

	Read removal(With(kUpdate, {{"action", "delete"}, {"value", nullptr}, {"expectedField", "name"}}));
	ASSERT_FALSE(removal.defect);
	EXPECT_EQ(removal.op.action, OpAction::kDelete);
	EXPECT_EQ(removal.op.tx.changed_field.data(), nullptr);
	EXPECT_EQ(removal.op.expected_field, "name");
}

TEST(Op, Expectations)
{
	Read some(With(kUpdate, {{"expectedTransactionId", "before"},
							 {"expectedVersion", 7},
							 {"streamOffset", 123456789},
							 {"replaces", {"a", "b"}}}));
	ASSERT_FALSE(some.defect);
	EXPECT_TRUE(some.op.expects);
	EXPECT_EQ(some.op.expected_transaction_id, "before");
	EXPECT_EQ(some.op.expected_version, 7);
	EXPECT_EQ(some.op.stream_offset, 123456789);
	EXPECT_EQ(some.op.replaces, (std::vector<std::string_view>{"a", "b"}));

	Read null(With(kUpdate, {{"expectedTransactionId", nullptr}, {"expectedVersion", nullptr}, {"replaces", nullptr}}));
	ASSERT_FALSE(null.defect);
	EXPECT_TRUE(null.op.expects);
	EXPECT_EQ(null.op.expected_transaction_id.data(), nullptr);
	EXPECT_FALSE(null.op.expected_version);
	EXPECT_TRUE(null.op.replaces.empty());
}

TEST(Op, Lists)
{
	Json list = With(kUpdate, {{"operation", "listInsert"}, {"value", {{"item", "x"}}}});
	Read append(list);
	ASSERT_FALSE(append.defect);
	EXPECT_EQ(append.op.operation, Operation::kListInsert);
	EXPECT_EQ(append.op.place, Place::kAppend);
	EXPECT_EQ(append.op.value.bytes, "x");

	list["value"] = {{"item", {{"k", 1}}}, {"place", "before"}, {"anchor", "y"}};
	Read before(list);
	ASSERT_FALSE(before.defect);
	EXPECT_EQ(before.op.place, Place::kBefore);
	EXPECT_EQ(before.op.anchor.bytes, "y");
	EXPECT_EQ(before.op.value.kind, Kind::kContainer);

	list["value"].erase("anchor");
	EXPECT_EQ(DefectOf(list), "value has no anchor, which before and after need");
	list["value"] = {{"item", "x"}, {"place", "last"}};
	EXPECT_EQ(DefectOf(list), "value has a place that is not prepend, append, before or after");
	for (const Json &value : {Json("x"), Json({{"place", "append"}}), Json({{"item", nullptr}}), Json::array({"item"})})
		EXPECT_EQ(DefectOf(With(list, {{"value", value}})), "value must be an object with an item") << value;
}

TEST(Op, Defects)
{
	auto with = [](const char *member, const Json &value) { return DefectOf(With(kUpdate, {{member, value}})); };
	for (const Json &wrong : {Json(nullptr), Json(1), Json(""), Json(std::string(129, 'x'))})
		EXPECT_EQ(with("transactionId", wrong), "transactionId must be a text of 1 to 128 bytes");
	for (const Json &wrong : {Json(nullptr), Json(true), Json(""), Json(std::string(65, 'x'))}) {
		EXPECT_EQ(with("sourceId", wrong), "sourceId must be a text of 1 to 64 bytes");
		EXPECT_EQ(with("changedField", wrong), "changedField must be a text of 1 to 64 bytes");
	}
	EXPECT_EQ(with("entityType", 1), "entityType must be a text");
	for (const Json &wrong : {Json(nullptr), Json(1), Json(std::string(8001, 'x'))})
		EXPECT_EQ(with("entityId", wrong), "entityId must be a text of at most 8000 bytes");
	EXPECT_EQ(with("data", Json::object()), "data is a create's: an update has one field and its value");
	EXPECT_EQ(DefectOf(With(Without(kUpdate, "changedField"), {{"data", Json::object()}})),
			  "data is a create's: an update has one field and its value");
	EXPECT_EQ(with("data", nullptr), "");
	EXPECT_EQ(with("action", "upsert"), "action must be create, update or delete");
	EXPECT_EQ(with("operation", "add"), "operation must be set, setNow, increment, listInsert or listRemove");
	EXPECT_EQ(with("operation", "increment"), "value must be a number");
	EXPECT_EQ(with("expectedTransactionId", 1), "expectedTransactionId must be null or a text");
	EXPECT_EQ(with("expectedVersion", "1"), "expectedVersion must be an integer");
	EXPECT_EQ(with("streamOffset", Json::array()), "streamOffset must be an integer");
	for (const Json &wrong : {Json("a"), Json::object(), Json::array({"a", 1})})
		EXPECT_EQ(with("replaces", wrong), "replaces must be an array of texts");
	EXPECT_EQ(with("operation", "setNow"), "");
	EXPECT_EQ(with("somethingElse", 1), "");
	EXPECT_EQ(DefectOf(Without(kUpdate, "value")), "value is missing");
	EXPECT_EQ(DefectOf(With(kUpdate, {{"action", "create"}})), "data must be an object");
	EXPECT_EQ(DefectOf(With(kUpdate, {{"action", "create"}, {"data", Json::array()}})), "data must be an object");
	EXPECT_EQ(DefectOf(Json::object()), "transactionId must be a text of 1 to 128 bytes");
}

TEST(Op, ADefectiveOneStillHasItsTransactionId)
{
	Read read(Json{{"transactionId", "t"}});
	EXPECT_TRUE(read.defect);
	EXPECT_EQ(read.op.tx.transaction_id, "t");
}

TEST(Op, WordsComeBack)
{
	for (const char *action : {"create", "update", "delete"}) {
		Json op = With(kUpdate, {{"action", action}});
		if (action == std::string_view("create"))
			op["data"] = Json::object();
		Read read(op);
		ASSERT_FALSE(read.defect);
		EXPECT_EQ(NameOf(read.op.action), action);
	}
	EXPECT_EQ(NameOf(Operation::kSetNow), "setNow");
	EXPECT_EQ(NameOf(Operation::kListRemove), "listRemove");
}

} // namespace
} // namespace txsync::core
