#include "core/tx.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

namespace txsync::core {
namespace {

std::string
Text(const Tx &tx)
{
	Buffer out;
	Write(out, tx);
	return std::string(out.View());
}

std::string
DefectOf(const Tx &tx)
{
	const char *defect = Defect(tx);
	return defect == nullptr ? "" : defect;
}

TEST(Tx, IsNullWithoutATransaction)
{
	EXPECT_TRUE((Tx{}).IsNull());
	EXPECT_TRUE((Tx{{}, "s", "f"}).IsNull());
	EXPECT_FALSE((Tx{"", {}, {}}).IsNull());
	EXPECT_EQ(Text({}), "null");
	EXPECT_EQ(Text({{}, "s", "f"}), "null");
}

TEST(Tx, Text)
{
	EXPECT_EQ(Text({"t", "s", "f"}), R"({"transactionId":"t","sourceId":"s","changedField":"f"})");
	EXPECT_EQ(Text({"t", "s", {}}), R"({"transactionId":"t","sourceId":"s","changedField":null})");
	EXPECT_EQ(Text({"", {}, ""}), R"({"transactionId":"","sourceId":null,"changedField":""})");
	auto json = nlohmann::json::parse(Text({"\"\n", "\\", "\x01ż"}));
	EXPECT_EQ(json, (nlohmann::json{{"transactionId", "\"\n"}, {"sourceId", "\\"}, {"changedField", "\x01ż"}}));
}

// Each length of each member, as a text of that many bytes; -1 is null.
TEST(Tx, DefectIsTheFirstMemberOfAWrongLength)
{
	auto make = [](int size) { return std::string(static_cast<size_t>(size < 0 ? 0 : size), 'x'); };
	auto view = [](int size, const std::string &text) {
		return size < 0 ? std::string_view() : std::string_view(text);
	};
	for (int id : {-1, 0, 1, 127, 128, 129}) {
		for (int source : {-1, 0, 1, 63, 64, 65, 128}) {
			for (int field : {-1, 0, 1, 63, 64, 65, 128}) {
				std::string texts[] = {make(id), make(source), make(field)};
				std::string expected;
				if (id < 1 || id > 128)
					expected = "transactionId must be a text of 1 to 128 bytes";
				else if (source < 1 || source > 64)
					expected = "sourceId must be a text of 1 to 64 bytes";
				else if (field == 0 || field > 64)
					expected = "changedField must be null or a text of 1 to 64 bytes";
				ASSERT_EQ(DefectOf({view(id, texts[0]), view(source, texts[1]), view(field, texts[2])}), expected)
					<< id << ' ' << source << ' ' << field;
			}
		}
	}
}

} // namespace
} // namespace txsync::core
