#include "core/tracking.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "unit/random.h"

namespace txsync::core {
namespace {

using Strings = std::vector<std::string>;

std::optional<Tracking>
Parse(const Strings &arguments)
{
	std::vector<std::string_view> views(arguments.begin(), arguments.end());
	return ParseTracking(views);
}

// A few short names, so that they meet; some are the arguments' own.
std::string
Name(test::Random &random)
{
	static constexpr const char *kNames[] = {"id", "org", "tx", "off", "full", "bookkeeping", "updated_at", "ż\"'\n"};
	return random.Below(2) == 0 ? kNames[random.Below(8)] : random.Text(1 + random.Below(2), "ab");
}

Strings
Names(test::Random &random, size_t least = 0)
{
	Strings names(least + random.Below(3));
	std::generate(names.begin(), names.end(), [&] { return Name(random); });
	return names;
}

Tracking
RandomTracking(test::Random &random)
{
	auto half = [&] { return random.Below(2) == 0; };
	Tracking tracking;
	tracking.entity_type = Name(random);
	tracking.id_columns = Names(random, 1);
	if (half())
		tracking.org_column = Name(random);
	tracking.tx = half();
	tracking.hidden = Names(random);
	tracking.once_hidden = Names(random);
	if (half())
		tracking.bookkeeping = Names(random);
	tracking.lww = Names(random);
	for (uint64_t fields = random.Below(4); fields > 0; fields--)
		tracking.fields.push_back({Name(random), tracking.last_field += 1 + static_cast<uint32_t>(random.Below(1000))});
	tracking.last_field += static_cast<uint32_t>(random.Below(2)); // the last column may be gone
	std::reverse(tracking.fields.begin(), tracking.fields.end());
	tracking.notify_full = half();
	if (half())
		tracking.delete_visible = "public.f(integer, " + Name(random) + ')';
	return tracking;
}

// All defaults but what there must be.
Tracking
Least()
{
	Tracking tracking;
	tracking.entity_type = "pages";
	tracking.id_columns = {"id"};
	return tracking;
}

TEST(Tracking, LeastAndMostArguments)
{
	EXPECT_EQ(ToArguments(Least()), (Strings{"entity", "pages", "id", "id"}));
	Tracking most = Least();
	most.id_columns = {"a", "b"};
	most.org_column = "organization_id";
	most.tx = false;
	most.hidden = {"secret", "salt"};
	most.once_hidden = {"pepper"};
	most.bookkeeping = Strings{"seen_at"};
	most.lww = {"title"};
	most.fields = {{"title", 2}, {"two words", 1}};
	most.last_field = 3;
	most.notify_full = true;
	most.delete_visible = "f(bigint)";
	std::string all;
	for (const std::string &argument : ToArguments(most))
		all += argument + ' ';
	EXPECT_EQ(
		all,
		"entity pages id a id b org organization_id tx off hidden secret hidden salt once_hidden pepper "
		"bookkeeping seen_at lww title field 2 title field 1 two words fields 3 notify full delete_visible f(bigint) ");
}

TEST(Tracking, RoundTrip)
{
	test::Random random(1);
	for (int round = 0; round < 20000; round++) {
		Tracking tracking = RandomTracking(random);
		Strings arguments = ToArguments(tracking);
		ASSERT_EQ(arguments.size() % 2, 0u);
		ASSERT_EQ(Parse(arguments), tracking);
	}
}

TEST(Tracking, NoBookkeepingIsNotTheDefaultOne)
{
	Tracking tracking = Least();
	tracking.bookkeeping.emplace();
	auto parsed = Parse(ToArguments(tracking));
	ASSERT_TRUE(parsed);
	EXPECT_EQ(parsed->bookkeeping, Strings{});
}

TEST(Tracking, UnknownNamesArePassedOver)
{
	test::Random random(2);
	for (int round = 0; round < 20000; round++) {
		Tracking tracking = RandomTracking(random);
		Strings arguments = ToArguments(tracking);
		for (uint64_t unknown = random.Below(4); unknown > 0; unknown--) {
			static constexpr const char *kUnknown[] = {"", "ID", "idx", "entit", "orgs", "future", "notify_full"};
			auto at = arguments.begin() + static_cast<ptrdiff_t>(random.Below(arguments.size() / 2 + 1) * 2);
			arguments.insert(at, {kUnknown[random.Below(7)], Name(random)});
		}
		if (random.Below(2) == 0)
			arguments.push_back("entity"); // a name without a value
		ASSERT_EQ(Parse(arguments), tracking);
	}
}

TEST(Tracking, NeedsAnEntityAndAnId)
{
	EXPECT_EQ(Parse({}), std::nullopt);
	EXPECT_EQ(Parse({"entity", "pages"}), std::nullopt);
	EXPECT_EQ(Parse({"id", "id"}), std::nullopt);
	EXPECT_EQ(Parse({"entity", "", "id", "id"}), std::nullopt);
	EXPECT_EQ(Parse({"entity", "pages", "id"}), std::nullopt);
	EXPECT_TRUE(Parse({"id", "id", "entity", "pages"}));
}

TEST(Tracking, WordsThatAreNotKnownLeaveTheDefaults)
{
	auto tracking = Parse({"entity", "pages", "id", "id", "tx", "x", "notify", "x"});
	EXPECT_EQ(tracking, Least());
}

TEST(Tracking, Bookkeeping)
{
	Tracking tracking;
	for (std::string_view column :
		 {"modified_at", "updated_at", "created_at", "Updated_at", "updated_a", "", "seen_at"}) {
		bool by_default = column == "modified_at" || column == "updated_at";
		tracking.bookkeeping.reset();
		EXPECT_EQ(IsDefaultBookkeeping(column), by_default) << column;
		EXPECT_EQ(IsBookkeeping(tracking, column), by_default) << column;
		tracking.bookkeeping.emplace();
		EXPECT_FALSE(IsBookkeeping(tracking, column)) << column;
		tracking.bookkeeping = Strings{"x", "seen_at"};
		EXPECT_EQ(IsBookkeeping(tracking, column), column == "seen_at") << column;
	}
}

TEST(Tracking, Hidden)
{
	Tracking tracking = Least();
	tracking.org_column = "org_id";
	tracking.hidden = {"secret"};
	tracking.once_hidden = {"pepper", "id", "org_id"};
	EXPECT_TRUE(IsHidden(tracking, "secret"));
	EXPECT_TRUE(IsHidden(tracking, "pepper"));
	EXPECT_FALSE(IsHidden(tracking, "name"));
	EXPECT_FALSE(IsHidden(tracking, "id"));
	EXPECT_FALSE(IsHidden(tracking, "org_id"));
}

// The rule by way of the arguments: these names' values are columns.
bool
RenameInArguments(Strings &arguments, const std::string &from, const std::string &to)
{
	bool found = false;
	for (size_t i = 0; i + 1 < arguments.size(); i += 2) {
		const std::string &name = arguments[i];
		bool column = name == "id" || name == "org" || name == "hidden" || name == "once_hidden" ||
					  name == "bookkeeping" || name == "lww";
		size_t start = name == "field" ? arguments[i + 1].find(' ') + 1 : 0;
		if ((column || start > 0) && arguments[i + 1].substr(start) == from) {
			arguments[i + 1].replace(start, std::string::npos, to);
			found = true;
		}
	}
	return found;
}

TEST(Tracking, RenameColumnChangesEachPlaceAndNothingElse)
{
	test::Random random(3);
	int found = 0;
	constexpr int kRounds = 20000;
	for (int round = 0; round < kRounds; round++) {
		Tracking tracking = RandomTracking(random);
		std::string from = Name(random);
		std::string to = Name(random);
		Strings arguments = ToArguments(tracking);
		bool expected = RenameInArguments(arguments, from, to);
		ASSERT_EQ(RenameColumn(tracking, from, to), expected);
		ASSERT_EQ(ToArguments(tracking), arguments);
		found += expected;
	}
	EXPECT_GT(found, kRounds / 10);
	EXPECT_LT(found, kRounds * 9 / 10);
}

TEST(Tracking, FieldsAreNumberedOnce)
{
	Tracking tracking = Least();
	EXPECT_EQ(NumberOf(tracking, "title"), 0U);
	EXPECT_TRUE(NumberFields(tracking, Strings{"title", "body"}));
	EXPECT_FALSE(NumberFields(tracking, Strings{"body", "title"}));
	EXPECT_EQ(NumberOf(tracking, "title"), 1U);
	EXPECT_EQ(NumberOf(tracking, "body"), 2U);
	EXPECT_TRUE(RenameColumn(tracking, "title", "name"));
	EXPECT_FALSE(NumberFields(tracking, Strings{"name", "body"}));
	EXPECT_EQ(NumberOf(tracking, "name"), 1U);
	EXPECT_EQ(NumberOf(tracking, "title"), 0U);
	// One that is gone leaves its number to nobody, also if it was the highest and the tracking was written down.
	EXPECT_TRUE(NumberFields(tracking, Strings{"name"}));
	EXPECT_EQ(NumberOf(tracking, "body"), 0U);
	tracking = *Parse(ToArguments(tracking));
	EXPECT_TRUE(NumberFields(tracking, Strings{"name", "body"}));
	EXPECT_EQ(NumberOf(tracking, "body"), 3U);
	EXPECT_TRUE(NumberFields(tracking, {}));
	EXPECT_TRUE(tracking.fields.empty());
	EXPECT_EQ(tracking.last_field, 3U);
}

bool
Has(const std::vector<Field> &fields, std::string_view column)
{
	return std::any_of(fields.begin(), fields.end(), [&](const Field &field) { return field.column == column; });
}

// Columns come, go and are renamed, also to names of others that are gone: a column keeps its number, no two ever have
// the same one.
TEST(Tracking, FieldNumbersAgainstAModel)
{
	test::Random random(4);
	Tracking tracking = Least();
	std::vector<Field> model;
	uint32_t last = 0;
	for (int round = 0; round < 20000; round++) {
		if (random.Below(3) == 0 && !model.empty()) {
			Field &field = model[random.Below(model.size())];
			std::string to = random.Text(2, "abc");
			if (!Has(model, to)) {
				ASSERT_TRUE(RenameColumn(tracking, field.column, to));
				field.column = to;
			}
		} else {
			std::vector<Field> before = model;
			bool changed = std::erase_if(model, [&](const Field &) { return random.Below(4) == 0; }) > 0;
			for (uint64_t more = random.Below(3); more > 0; more--) {
				std::string column = random.Text(2, "abc");
				if (Has(before, column) || Has(model, column)) // nobody could tell it from the one that went
					continue;
				model.push_back({column, ++last});
				changed = true;
			}
			Strings columns;
			for (const Field &field : model)
				columns.push_back(field.column);
			ASSERT_EQ(NumberFields(tracking, columns), changed);
		}
		if (random.Below(4) == 0)
			tracking = *Parse(ToArguments(tracking));
		for (const Field &field : model)
			ASSERT_EQ(NumberOf(tracking, field.column), field.number);
		ASSERT_EQ(tracking.fields.size(), model.size());
		ASSERT_EQ(tracking.last_field, last);
	}
}

TEST(Tracking, MalformedFieldsArePassedOver)
{
	for (const char *field : {"", " ", "0 a", "a", "7", "-1 a", "+1 a", " 1 a", "4294967296 a"})
		EXPECT_EQ(Parse({"entity", "pages", "id", "id", "field", field}), Least()) << field;
	// The highest number is never below one that a column has.
	for (const Strings &arguments : {Strings{"field", "7 a", "fields", "3"}, Strings{"fields", "3", "field", "7 a"},
									 Strings{"field", "7 a", "fields", "x"}}) {
		Strings all = {"entity", "pages", "id", "id"};
		all.insert(all.end(), arguments.begin(), arguments.end());
		auto tracking = Parse(all);
		ASSERT_TRUE(tracking);
		EXPECT_EQ(tracking->last_field, 7U);
		EXPECT_EQ(Parse(ToArguments(*tracking)), tracking);
	}
}

} // namespace
} // namespace txsync::core
