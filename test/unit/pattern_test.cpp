#include "core/pattern.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "unit/quote.h"
#include "unit/random.h"

namespace txsync::core {
namespace {

bool
Matches(std::string_view pattern, std::string_view text)
{
	std::optional<Pattern> parsed = Pattern::Parse(pattern);
	EXPECT_TRUE(parsed) << pattern;
	return parsed && parsed->Matches(text);
}

bool
Matches(std::string_view pattern, std::string_view schema, std::string_view table)
{
	std::optional<TablePattern> parsed = TablePattern::Parse(pattern);
	EXPECT_TRUE(parsed) << pattern;
	return parsed && parsed->Matches(schema, table);
}

// The definition, as slow as it may be.
bool
Expected(std::string_view pattern, std::string_view text)
{
	if (pattern.empty())
		return text.empty();
	if (pattern.front() != '*')
		return text.starts_with(pattern.front()) && Expected(pattern.substr(1), text.substr(1));
	return Expected(pattern.substr(1), text) || (!text.empty() && Expected(pattern, text.substr(1)));
}

TEST(Pattern, Matching)
{
	EXPECT_TRUE(Matches("page", "page"));
	EXPECT_FALSE(Matches("page", "pages"));
	EXPECT_FALSE(Matches("page", "Page"));
	EXPECT_FALSE(Matches("page", ""));
	EXPECT_TRUE(Matches("*", ""));
	EXPECT_TRUE(Matches("*", "any\nthing"));
	EXPECT_TRUE(Matches("page*", "page"));
	EXPECT_TRUE(Matches("page*", "pages"));
	EXPECT_FALSE(Matches("page*", "a_page"));
	EXPECT_TRUE(Matches("*page", "a_page"));
	EXPECT_FALSE(Matches("*page", "pages"));
	EXPECT_TRUE(Matches("a*b*c", "a1b2c"));
	EXPECT_TRUE(Matches("a*b*c", "abc"));
	EXPECT_FALSE(Matches("a*b*c", "acb"));
	EXPECT_FALSE(Matches("aba*aba", "ababa")) << "the ends may not overlap";
	EXPECT_TRUE(Matches("a**b", "ab"));
	EXPECT_TRUE(Matches("app.*", "app.x")) << "a dot has no meaning here";
	EXPECT_TRUE(Matches("a?%_", "a?%_")) << "nor has any other character";
	EXPECT_TRUE(Pattern().Matches("x"));
}

TEST(Pattern, QuotesMakeTheStarLiteral)
{
	EXPECT_TRUE(Matches(R"("100*")", "100*"));
	EXPECT_FALSE(Matches(R"("100*")", "1000"));
	EXPECT_TRUE(Matches(R"("*"*"""")", "*x\""));
	EXPECT_TRUE(Matches(R"("")", ""));
	EXPECT_FALSE(Matches(R"("")", "x"));
	for (std::string_view pattern : {R"("a"b*)", R"(a"*")", R"("a" *)", R"(*")", R"("a*)"})
		EXPECT_FALSE(Pattern::Parse(pattern)) << pattern;
}

TEST(Pattern, MatchesAsDefined)
{
	test::Random random(2);
	int matches = 0;
	for (int round = 0; round < 200000; round++) {
		std::string pattern = random.Text(random.Below(8), "aab**");
		std::string text = random.Text(random.Below(10), "aab");
		bool expected = Expected(pattern, text);
		ASSERT_EQ(Matches(pattern, text), expected) << pattern << " on " << text;
		matches += expected;
	}
	EXPECT_GT(matches, 20000);
}

// With backtracking this would outlast the universe.
TEST(Pattern, ManyStarsAreNoBurden)
{
	std::string pattern;
	for (int i = 0; i < 1000; i++)
		pattern += "*a";
	EXPECT_FALSE(Matches(pattern + "*b", std::string(100000, 'a')));
	EXPECT_FALSE(Matches(pattern + "*b*", std::string(100000, 'a')));
	EXPECT_TRUE(Matches(pattern + "*", std::string(100000, 'a')));
}

TEST(TablePattern, SchemaIsOptional)
{
	EXPECT_TRUE(Matches("pages", "public", "pages"));
	EXPECT_TRUE(Matches("pages", "other", "pages"));
	EXPECT_FALSE(Matches("pages", "pages", "public"));
	EXPECT_TRUE(Matches("public.pages", "public", "pages"));
	EXPECT_FALSE(Matches("public.pages", "other", "pages"));
	EXPECT_TRUE(Matches("app_*.*_log", "app_1", "user_log"));
	EXPECT_FALSE(Matches("app_*.*_log", "app_1", "user_logs"));
	EXPECT_TRUE(Matches("*.pages", "a.b", "pages"));
	EXPECT_TRUE(Matches("*", "any", "pages"));
}

TEST(TablePattern, Quotes)
{
	EXPECT_TRUE(Matches(R"("a.b"."c*")", "a.b", "c*"));
	EXPECT_FALSE(Matches(R"("a.b"."c*")", "a.b", "cd"));
	EXPECT_TRUE(Matches(R"("a.b")", "public", "a.b"));
	EXPECT_TRUE(Matches(R"( "A" . b* )", "A", "bc"));
	for (std::string_view pattern : {"a.b.c", ".", "a.", ".b", "a..b", "a. ", R"("a".b")", R"("a"b.c)"})
		EXPECT_FALSE(TablePattern::Parse(pattern)) << pattern;
}

TEST(TablePattern, Lists)
{
	auto tables = ParseTablePatterns(R"(public.pages, "a,b".*)");
	ASSERT_TRUE(tables);
	EXPECT_TRUE(MatchesAny(*tables, "public", "pages"));
	EXPECT_TRUE(MatchesAny(*tables, "a,b", "x"));
	EXPECT_FALSE(MatchesAny(*tables, "public", "x"));
	auto prefixes = ParsePatterns("audit, app.*");
	ASSERT_TRUE(prefixes);
	EXPECT_TRUE(MatchesAny(*prefixes, "audit"));
	EXPECT_TRUE(MatchesAny(*prefixes, "app.x"));
	EXPECT_FALSE(MatchesAny(*prefixes, "audits"));
	EXPECT_FALSE(MatchesAny(std::vector<Pattern>(), "audit"));
	for (std::string_view list : {"", "a,", "a.b.c", "a,b."})
		EXPECT_FALSE(ParseTablePatterns(list)) << list;
}

// What format('%I.%I') gives is that table and no other.
TEST(TablePattern, WhatFormatGivesIsReadBack)
{
	test::Random random(3);
	for (int round = 0; round < 50000; round++) {
		std::string schema = test::Identifier(random), table = test::Identifier(random);
		std::string other_schema = test::Identifier(random), other_table = test::Identifier(random);
		std::string text = test::QuoteIdent(schema) + '.' + test::QuoteIdent(table);
		auto tables = ParseTablePatterns(text);
		ASSERT_TRUE(tables && tables->size() == 1) << text;
		ASSERT_TRUE(tables->front().Matches(schema, table)) << text;
		ASSERT_EQ(tables->front().Matches(other_schema, table), schema == other_schema) << text;
		ASSERT_EQ(tables->front().Matches(schema, other_table), table == other_table) << text;
	}
}

} // namespace
} // namespace txsync::core
