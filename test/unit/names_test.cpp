#include "core/names.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "unit/quote.h"
#include "unit/random.h"

namespace txsync::core {
namespace {

using Strings = std::vector<std::string>;

TEST(Names, BareNamesStandForThemselves)
{
	EXPECT_EQ(ParseNames("pages"), Strings{"pages"});
	EXPECT_EQ(ParseNames("pages,Users"), (Strings{"pages", "Users"}));
	EXPECT_EQ(ParseNames("acme.com, a*, it's, żółw, \\n"), (Strings{"acme.com", "a*", "it's", "żółw", "\\n"}));
	EXPECT_EQ(ParseNames("a,a"), (Strings{"a", "a"}));
}

TEST(Names, BlanksAroundAreNotPartOfTheName)
{
	EXPECT_EQ(ParseNames(" \t\r\n\v\fa b\n, c "), (Strings{"a b", "c"}));
	EXPECT_EQ(ParseNames(" \" a \" , \"\n\""), (Strings{" a ", "\n"}));
	EXPECT_EQ(ParseNames("\u00A0a"), Strings{"\u00A0a"});
}

TEST(Names, InQuotesEverythingIsLiteral)
{
	EXPECT_EQ(ParseNames(R"("a,b","c.d","*")"), (Strings{"a,b", "c.d", "*"}));
	EXPECT_EQ(ParseNames(R"("a""b","""","a"",""b")"), (Strings{"a\"b", "\"", "a\",\"b"}));
	EXPECT_EQ(ParseNames(R"("")"), Strings{""});
	EXPECT_EQ(ParseNames(R"("Pages")"), Strings{"Pages"});
}

TEST(Names, WhatIsMissingIsAnError)
{
	for (const char *list : {"", " ", ",", "a,", ",a", "a,,b", "a, ,b", "\"a\",", ",\"\""})
		EXPECT_EQ(ParseNames(list), std::nullopt) << list;
}

TEST(Names, StrayQuotesAreErrors)
{
	for (const char *list : {R"(")", R"("a)", R"(a")", R"("""a)", R"(""")", R"("a"b)", R"("a" "b")", R"(a"b")",
							 R"(a""b)", R"("a"b"c")", R"("a,b)", R"(a,"b)", R"(a",b)", R"("a"""b")"})
		EXPECT_EQ(ParseNames(list), std::nullopt) << list;
}

TEST(Names, SplitLeavesQuotesAsTheyAre)
{
	using Views = std::vector<std::string_view>;
	EXPECT_EQ(SplitOutsideQuotes("", '.'), Views{""});
	EXPECT_EQ(SplitOutsideQuotes(".", '.'), (Views{"", ""}));
	EXPECT_EQ(SplitOutsideQuotes(R"("a.b". c)", '.'), (Views{R"("a.b")", " c"}));
	EXPECT_EQ(SplitOutsideQuotes(R"("a"".b".c)", '.'), (Views{R"("a"".b")", "c"}));
}

TEST(Names, WhatQuoteIdentGivesIsReadBack)
{
	test::Random random(1);
	for (int round = 0; round < 50000; round++) {
		Strings names(1 + random.Below(4));
		std::string list;
		for (std::string &name : names) {
			name = test::Identifier(random);
			list += (list.empty() ? "" : ",") + std::string(random.Below(2), ' ') + test::QuoteIdent(name);
		}
		ASSERT_EQ(ParseNames(list), names) << list;
	}
}

} // namespace
} // namespace txsync::core
