#include "core/filter.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "unit/random.h"

namespace txsync::core {
namespace {

constexpr Action kChoices[] = {Action::kCreate,   Action::kUpdate, Action::kDelete,
							   Action::kTruncate, Action::kEvent,  Action::kVisibility};

TEST(Filter, AnEmptyOneLetsAllPass)
{
	Filter filter;
	EXPECT_TRUE(filter.PassesEntityType("pages"));
	EXPECT_TRUE(filter.PassesTable("public", "pages"));
	EXPECT_TRUE(filter.PassesOrganization("acme"));
	EXPECT_TRUE(filter.PassesOrganization({}));
	for (Action action : kChoices)
		EXPECT_TRUE(filter.PassesAction(action));
}

TEST(Filter, EntityTypes)
{
	Filter filter;
	filter.entity_types = NameSet({"pages", "Users", "pages"});
	EXPECT_TRUE(filter.PassesEntityType("pages"));
	EXPECT_TRUE(filter.PassesEntityType("Users"));
	EXPECT_FALSE(filter.PassesEntityType("users"));
	EXPECT_FALSE(filter.PassesEntityType(""));
	EXPECT_EQ(filter.entity_types.Names(), (std::vector<std::string>{"Users", "pages"}));
}

TEST(Filter, NullIsNoOrganizationOfAList)
{
	Filter filter;
	filter.organizations = NameSet({"", "acme"});
	EXPECT_TRUE(filter.PassesOrganization("acme"));
	EXPECT_TRUE(filter.PassesOrganization(""));
	EXPECT_FALSE(filter.PassesOrganization({}));
	EXPECT_FALSE(filter.PassesOrganization("acm"));
	EXPECT_FALSE(filter.PassesOrganization("acme2"));
}

TEST(Filter, ExcludedTablesWin)
{
	Filter filter;
	filter.exclude_tables = *ParseTablePatterns("*.secret, audit.*");
	EXPECT_TRUE(filter.PassesTable("public", "pages"));
	EXPECT_FALSE(filter.PassesTable("public", "secret"));
	filter.tables = *ParseTablePatterns("public.*, audit.log");
	EXPECT_TRUE(filter.PassesTable("public", "pages"));
	EXPECT_FALSE(filter.PassesTable("public", "secret"));
	EXPECT_FALSE(filter.PassesTable("other", "pages"));
	EXPECT_FALSE(filter.PassesTable("audit", "log"));
}

void
ExpectActions(std::string_view list, const std::set<Action> &expected)
{
	std::optional<ActionSet> actions = ActionSet::Parse(list);
	ASSERT_TRUE(actions) << list;
	for (Action action : kChoices)
		EXPECT_EQ(actions->Contains(action), expected.contains(action)) << list << ": " << Name(action);
	EXPECT_TRUE(actions->Contains(Action::kGap)) << list;
}

TEST(Filter, Actions)
{
	ExpectActions("create", {Action::kCreate});
	ExpectActions("truncate, update", {Action::kUpdate, Action::kTruncate});
	ExpectActions("\"delete\",delete", {Action::kDelete});
	ExpectActions("event", {Action::kEvent});
	ExpectActions("visibility,create", {Action::kCreate, Action::kVisibility});
	ExpectActions("create,update,delete,truncate,event,visibility", {std::begin(kChoices), std::end(kChoices)});
	for (std::string_view list : {"", "insert", "create,", "Create", "create update", "gap", "\"create"})
		EXPECT_FALSE(ActionSet::Parse(list)) << list;
}

TEST(Filter, NameSetIsASet)
{
	test::Random random(4);
	for (int round = 0; round < 2000; round++) {
		std::vector<std::string> names(random.Below(20));
		for (std::string &name : names)
			name = random.Text(random.Below(3), "ab\xFF");
		std::set<std::string> expected(names.begin(), names.end());
		NameSet set(names);
		for (int i = 0; i < 20; i++) {
			std::string name = random.Text(random.Below(3), "ab\xFF");
			ASSERT_EQ(set.Contains(name), expected.contains(name));
		}
	}
}

} // namespace
} // namespace txsync::core
