#include "core/compaction.h"

#include "unit/random.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace txsync::core {
namespace {

using test::Random;
using Activity = Compaction::Activity;

constexpr Digest kSeed{0x0123456789ABCDEF, 0xFEDCBA9876543210};
constexpr size_t kPlenty = 1 << 20;

// Owns what an activity views.
struct Row
{
	int64_t id = 0;
	Action action = Action::kUpdate;
	const char *entity_type = "pages";
	const char *entity_id = "1";
	const char *organization = nullptr;
	const char *old_organization = nullptr;
	bool has_moved = false;
	bool changed_keys_known = true;
	std::vector<std::string_view> changed_keys = {};
	const char *changed_field = nullptr;

	Activity
	View() const
	{
		auto text = [](const char *chars) { return chars != nullptr ? std::string_view(chars) : std::string_view(); };
		return {id,
				action,
				text(entity_type),
				text(entity_id),
				text(organization),
				text(old_organization),
				has_moved,
				changed_keys_known,
				changed_keys,
				text(changed_field)};
	}
};

std::string
Quoted(const char *text)
{
	return text != nullptr ? "'" + std::string(text) + "'" : "null";
}

// The law as it is written, one key after the other.
std::set<int64_t>
Model(const std::vector<Row> &rows)
{
	std::map<std::string, int64_t> newest;
	std::map<std::string, int64_t> truncate;
	auto entity = [](const Row &row) { return Quoted(row.entity_type) + Quoted(row.entity_id); };
	auto tell = [](auto &map, const std::string &key, int64_t id) { map[key] = std::max(map[key], id); };
	auto keys = [&](const Row &row) {
		if (row.action == Action::kVisibility)
			return std::set<std::string>{entity(row) + "visibility"};
		std::set<std::string> all = {entity(row) + "organization" + Quoted(row.organization)};
		if (row.has_moved)
			all.insert(entity(row) + "organization" + Quoted(row.old_organization));
		if (row.action == Action::kCreate || row.action == Action::kDelete)
			all.insert(entity(row) + "existence");
		if (row.action != Action::kUpdate)
			return all;
		for (std::string_view key : row.changed_keys)
			all.insert(entity(row) + "field" + std::string(key));
		if (row.changed_field != nullptr)
			all.insert(entity(row) + "field" + row.changed_field);
		else if (!row.changed_keys_known)
			all.insert(entity(row) + "unknown");
		return all;
	};
	auto belongs = [](const Row &row) {
		return row.action != Action::kEvent && row.action != Action::kGap && row.action != Action::kTruncate &&
			   row.entity_type != nullptr && row.entity_id != nullptr;
	};
	for (const Row &row : rows) {
		if (row.action == Action::kTruncate)
			tell(truncate, Quoted(row.entity_type), row.id);
		for (const std::string &key : keys(row)) {
			if (belongs(row))
				tell(newest, key, row.id);
		}
	}
	std::set<int64_t> survivors;
	for (const Row &row : rows) {
		bool survives = !belongs(row) && row.action != Action::kTruncate;
		if (row.action == Action::kTruncate)
			survives = row.id == truncate[Quoted(row.entity_type)];
		bool is_void = row.id < truncate[Quoted(row.entity_type)] && row.action != Action::kVisibility;
		if (belongs(row) && !is_void) {
			for (const std::string &key : keys(row)) {
				bool is_field = key.starts_with(entity(row) + "field") || key.ends_with("unknown");
				bool is_old = is_field && row.id < newest[entity(row) + "existence"];
				survives |= newest[key] == row.id && !is_old;
			}
		}
		if (survives)
			survivors.insert(row.id);
	}
	return survivors;
}

struct Outcome
{
	std::set<int64_t> survivors;
	int passes = 0;
};

// What it says of the rows from `first` to `last`, which come in the order that they have here.
Outcome
Compact(const std::vector<Row> &rows, size_t bytes, int64_t first, int64_t last)
{
	Compaction compaction(kSeed, first, last, bytes);
	Outcome outcome;
	do {
		for (const Row &row : rows)
			compaction.Look(row.View());
		outcome.passes++;
	} while (compaction.EndPass());
	for (const Row &row : rows) {
		if (row.id >= first && row.id <= last && compaction.Survives(row.View()))
			outcome.survivors.insert(row.id);
	}
	return outcome;
}

std::set<int64_t>
Survivors(std::vector<Row> rows)
{
	for (size_t i = 0; i < rows.size(); i++)
		rows[i].id = static_cast<int64_t>(i + 1);
	std::set<int64_t> survivors = Compact(rows, kPlenty, 1, static_cast<int64_t>(rows.size())).survivors;
	EXPECT_EQ(survivors, Model(rows));
	return survivors;
}

Row
Update(std::vector<std::string_view> keys, const char *organization = nullptr)
{
	return {.organization = organization, .changed_keys = std::move(keys)};
}

Row
Of(Action action, const char *organization = nullptr)
{
	return {.action = action, .organization = organization};
}

using Ids = std::set<int64_t>;

TEST(Compaction, Fields)
{
	EXPECT_EQ(Survivors({Of(Action::kCreate), Update({"a"}), Update({"b"}), Update({"a"})}), (Ids{1, 3, 4}));
	EXPECT_EQ(Survivors({Update({"a", "b"}), Update({"a"}), Update({"b"})}), (Ids{2, 3}));
	EXPECT_EQ(Survivors({Update({"a"}), Update({"a", "b"})}), (Ids{2}));
	EXPECT_EQ(Survivors({{.changed_field = "a"}, Update({"a"})}), (Ids{2}));
	EXPECT_EQ(Survivors({{.changed_field = "a"}, Update({"b"})}), (Ids{1, 2}));
	EXPECT_EQ(Survivors({{.changed_keys_known = false}, {.changed_keys_known = false}, Update({"b"})}), (Ids{2, 3}));
	EXPECT_EQ(Survivors({{.entity_id = "12"}, {.entity_id = "1"}, {.entity_type = "pages1", .entity_id = "2"}}),
			  (Ids{1, 2, 3}));
}

TEST(Compaction, TheLastOfAnEntityIsKeptWhateverItChanged)
{
	EXPECT_EQ(Survivors({Update({"a"}), Update({})}), (Ids{1, 2}));
	EXPECT_EQ(Survivors({Update({}), Update({})}), (Ids{2}));
}

TEST(Compaction, Existence)
{
	EXPECT_EQ(Survivors({Of(Action::kCreate), Update({"a"}), Of(Action::kDelete)}), (Ids{3}));
	EXPECT_EQ(Survivors({Update({"a"}), Of(Action::kDelete), Of(Action::kCreate), Update({"a"})}), (Ids{3, 4}));
	EXPECT_EQ(Survivors({Of(Action::kVisibility), Of(Action::kDelete)}), (Ids{1, 2}));
}

TEST(Compaction, Organizations)
{
	Row move = {.organization = "b", .old_organization = "a", .has_moved = true, .changed_keys = {"organization_id"}};
	EXPECT_EQ(Survivors({Of(Action::kCreate, "a"), move, Of(Action::kDelete, "b")}), (Ids{2, 3}));
	EXPECT_EQ(Survivors({Of(Action::kCreate, ""), Of(Action::kDelete)}), (Ids{1, 2}));
}

TEST(Compaction, Truncates)
{
	Row other = {.action = Action::kTruncate, .entity_type = "other", .entity_id = nullptr};
	Row truncate = {.action = Action::kTruncate, .entity_id = nullptr};
	EXPECT_EQ(Survivors({Of(Action::kCreate), truncate, Of(Action::kCreate), truncate, other}), (Ids{4, 5}));
	EXPECT_EQ(Survivors({Of(Action::kVisibility), truncate, Of(Action::kCreate)}), (Ids{1, 2, 3}));
}

TEST(Compaction, WhatIsNoEntitys)
{
	Row gap = {.action = Action::kGap, .entity_type = nullptr, .entity_id = nullptr};
	Row event = {.action = Action::kEvent};
	Row truncate = {.action = Action::kTruncate, .entity_id = nullptr};
	EXPECT_EQ(Survivors({gap, event, event, gap, truncate}), (Ids{1, 2, 3, 4, 5}));
}

std::vector<Row>
RandomRows(Random &random, int64_t count)
{
	static constexpr const char *kTypes[] = {"pages", "page", "notes"};
	static constexpr const char *kIds[] = {"1", "2", "s1", "s2", "", "3", "4", "5", "6", "7"};
	static constexpr const char *kOrganizations[] = {nullptr, "", "a", "b"};
	static constexpr const char *kFields[] = {"name", "status", "", "body", "x"};
	static constexpr Action kActions[] = {Action::kCreate, Action::kUpdate,     Action::kUpdate, Action::kUpdate,
										  Action::kDelete, Action::kVisibility, Action::kEvent,  Action::kGap};
	auto any = [&](const auto &of) { return of[random.Below(std::size(of))]; };
	std::vector<Row> rows;
	for (int64_t id = 1; id <= count; id++) {
		Row row = {.id = id, .action = any(kActions), .entity_type = any(kTypes), .entity_id = any(kIds)};
		if (random.Below(60) == 0) {
			row.action = Action::kTruncate;
			row.entity_id = nullptr;
		}
		row.organization = any(kOrganizations);
		row.has_moved = row.action == Action::kUpdate && random.Below(4) == 0;
		if (row.has_moved)
			row.old_organization = any(kOrganizations);
		row.changed_keys_known = random.Below(3) != 0;
		for (size_t i = random.Below(4); row.changed_keys_known && i > 0; i--)
			row.changed_keys.emplace_back(any(kFields));
		if (random.Below(2) == 0)
			row.changed_field = any(kFields);
		rows.push_back(row);
	}
	return rows;
}

TEST(Compaction, IsTheLaw)
{
	Random random(6);
	int most_passes = 0;
	for (int run = 0; run < 500; run++) {
		std::vector<Row> rows = RandomRows(random, static_cast<int64_t>(1 + random.AnySize() % 600));
		Ids expected = Model(rows);
		for (size_t i = rows.size(); i > 1; i--)
			std::swap(rows[i - 1], rows[random.Below(i)]);
		auto last = static_cast<int64_t>(rows.size());
		Outcome outcome = Compact(rows, random.Below(2) == 0 ? 0 : kPlenty, 1, last);
		ASSERT_EQ(outcome.survivors, expected);
		most_passes = std::max(most_passes, outcome.passes);

		auto first = static_cast<int64_t>(1 + random.Below(rows.size()));
		last = first + static_cast<int64_t>(random.Below(rows.size() - static_cast<size_t>(first) + 1));
		Ids window(expected.lower_bound(first), expected.upper_bound(last));
		ASSERT_EQ(Compact(rows, 0, first, last).survivors, window);
	}
	EXPECT_GT(most_passes, 3);
}

// What is left is still the law, and what survives survives again.
TEST(Compaction, Again)
{
	Random random(7);
	for (int run = 0; run < 100; run++) {
		std::vector<Row> rows = RandomRows(random, 300);
		Ids expected = Model(rows);
		std::erase_if(rows, [&](const Row &row) { return row.id < 150 && !expected.contains(row.id); });
		ASSERT_EQ(Compact(rows, 0, 1, 300).survivors, expected);
		std::erase_if(rows, [&](const Row &row) { return !expected.contains(row.id); });
		ASSERT_EQ(Compact(rows, kPlenty, 1, 300).survivors, expected);
	}
}

// What the changelog says of an entity is its last change, whoever was shown it since.
TEST(Compaction, AVisibilityStandsForNoChange)
{
	EXPECT_EQ(Survivors({Update({"a"}, "o"), Update({}, "o"), Of(Action::kVisibility, "o")}), (Ids{1, 2, 3}));
	EXPECT_EQ(Survivors({Update({}), Of(Action::kVisibility), Of(Action::kVisibility)}), (Ids{1, 3}));
}

// As many passes as its keys need, and no more, wherever its hash stands among the others'.
TEST(Compaction, OneEntityWithMoreFieldsThanFit)
{
	constexpr int kFields = 3000;
	std::vector<std::string> names;
	for (int i = 0; i < kFields; i++)
		names.push_back("field " + std::to_string(i));
	Random random(8);
	for (const char *large : {"1", "2", "s1", "7"}) {
		std::vector<Row> rows = RandomRows(random, 400);
		for (int i = 0; i < 2 * kFields; i++) {
			Row row = {.id = 401 + i, .entity_id = large, .changed_field = names[random.Below(kFields)].c_str()};
			row.changed_keys = {names[random.Below(kFields)]};
			rows.push_back(row);
		}
		rows[3000].action = Action::kCreate;
		Outcome outcome = Compact(rows, 0, 1, static_cast<int64_t>(rows.size()));
		ASSERT_EQ(outcome.survivors, Model(rows));
		ASSERT_LT(outcome.passes, kFields / 20);
	}
}

// One with a million takes no longer than many with one each.
TEST(Compaction, AnEntityWithManyFields)
{
	constexpr int64_t kFields = 1'000'000;
	Compaction compaction(kSeed, 1, kFields, size_t{96} << 20);
	int passes = 0;
	do {
		for (int64_t id = 1; id <= kFields; id++) {
			std::string field = std::to_string(id);
			std::string_view keys[] = {field};
			compaction.Look({id, Action::kUpdate, "pages", "1", {}, {}, false, true, keys, {}});
		}
		passes++;
	} while (compaction.EndPass());
	EXPECT_EQ(passes, 1);
	EXPECT_TRUE(compaction.Survives(1));
}

} // namespace
} // namespace txsync::core
