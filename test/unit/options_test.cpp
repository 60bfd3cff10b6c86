#include "core/options.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace txsync::core {
namespace {

struct Settings
{
	bool batch = true;
	std::string format = "json";
};

constexpr Option<Settings> kTable[] = {
	{"batch", "on, off", [](Settings &settings, std::string_view value) { return ParseBool(value, settings.batch); }},
	{"format", "json, text",
	 [](Settings &settings, std::string_view value) {
		 settings.format = value;
		 return value == "json" || value == "text";
	 }},
};

OptionError
Parse(const std::vector<OptionValue> &values, Settings &settings)
{
	return ParseOptions(kTable, values, settings);
}

void
ExpectError(const std::vector<OptionValue> &values, std::string_view message, std::string_view hint)
{
	Settings settings;
	OptionError error = Parse(values, settings);
	EXPECT_EQ(error.message, message);
	EXPECT_EQ(error.hint, hint);
}

TEST(Options, NoneLeavesTheDefaults)
{
	Settings settings;
	EXPECT_EQ(Parse({}, settings).message, "");
	EXPECT_TRUE(settings.batch);
	EXPECT_EQ(settings.format, "json");
}

TEST(Options, EachIsApplied)
{
	Settings settings;
	OptionError error = Parse({{"format", "text"}, {"batch", "off"}}, settings);
	EXPECT_EQ(error.message, "");
	EXPECT_EQ(error.hint, "");
	EXPECT_FALSE(settings.batch);
	EXPECT_EQ(settings.format, "text");
}

TEST(Options, UnknownNamesAllThatAreKnown)
{
	ExpectError({{"batsh", "on"}}, "unknown option \"batsh\"", "The options are: batch, format.");
	ExpectError({{"Batch", "on"}}, "unknown option \"Batch\"", "The options are: batch, format.");
	ExpectError({{"", "on"}}, "unknown option \"\"", "The options are: batch, format.");
	ExpectError({{"batsh", "", false}}, "unknown option \"batsh\"", "The options are: batch, format.");
	EXPECT_EQ(UnknownOption("x", {}).hint, "There are no options.");
}

TEST(Options, BadValueNamesTheChoices)
{
	ExpectError({{"batch", "maybe"}}, "option \"batch\" has the value \"maybe\"", "Choose one of: on, off.");
	ExpectError({{"format", ""}}, "option \"format\" has the value \"\"", "Choose one of: json, text.");
}

TEST(Options, NameAloneIsAnErrorEvenForASwitch)
{
	ExpectError({{"batch", "", false}}, "option \"batch\" needs a value", "Choose one of: on, off.");
	ExpectError({{"format", "json", false}}, "option \"format\" needs a value", "Choose one of: json, text.");
}

TEST(Options, TwiceIsAnErrorEvenWithTheSameValue)
{
	ExpectError({{"batch", "on"}, {"format", "json"}, {"batch", "on"}}, "option \"batch\" is given twice",
				"Give it once, as one of: on, off.");
}

TEST(Options, TheFirstErrorIsTold)
{
	ExpectError({{"batch", "maybe"}, {"batsh", "on"}}, "option \"batch\" has the value \"maybe\"",
				"Choose one of: on, off.");
	ExpectError({{"batsh", "on"}, {"batch", "maybe"}}, "unknown option \"batsh\"", "The options are: batch, format.");
}

TEST(Options, BoolWords)
{
	for (std::string_view text : {"on", "true", "yes", "1", "ON", "True", "yEs"}) {
		bool value = false;
		EXPECT_TRUE(ParseBool(text, value)) << text;
		EXPECT_TRUE(value) << text;
	}
	for (std::string_view text : {"off", "false", "no", "0", "OFF", "False", "nO"}) {
		bool value = true;
		EXPECT_TRUE(ParseBool(text, value)) << text;
		EXPECT_FALSE(value) << text;
	}
	for (std::string_view text :
		 {"", "o", "onn", "of", "t", "f", "tru", "truee", "01", "10", "2", " on", "on ", "-1", "ON\n"}) {
		for (bool before : {false, true}) {
			bool value = before;
			EXPECT_FALSE(ParseBool(text, value)) << text;
			EXPECT_EQ(value, before) << text;
		}
	}
}

} // namespace
} // namespace txsync::core
