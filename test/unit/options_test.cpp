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
	{"batch", "Choose one of: on, off.",
	 [](Settings &settings, std::string_view value) { return ParseBool(value, settings.batch); }},
	{"format", "Give a format.",
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

TEST(Options, BadValueSaysWhatWouldBeRight)
{
	ExpectError({{"batch", "maybe"}}, "option \"batch\" has the value \"maybe\"", "Choose one of: on, off.");
	ExpectError({{"format", ""}}, "option \"format\" has the value \"\"", "Give a format.");
}

TEST(Options, NameAloneIsAnErrorEvenForASwitch)
{
	ExpectError({{"batch", "", false}}, "option \"batch\" needs a value", "Choose one of: on, off.");
	ExpectError({{"format", "json", false}}, "option \"format\" needs a value", "Give a format.");
}

TEST(Options, TwiceIsAnErrorEvenWithTheSameValue)
{
	ExpectError({{"batch", "on"}, {"format", "json"}, {"batch", "on"}}, "option \"batch\" is given twice",
				"Give it once. Choose one of: on, off.");
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

enum class Size
{
	kSmall,
	kLarge,
};

TEST(Options, Words)
{
	Size size = Size::kSmall;
	EXPECT_TRUE(ParseWord("large", {"small", "large"}, size));
	EXPECT_EQ(size, Size::kLarge);
	EXPECT_TRUE(ParseWord("sMALL", {"small", "large"}, size));
	EXPECT_EQ(size, Size::kSmall);
	for (std::string_view text : {"", "larg", "large ", "larger", "small, large"}) {
		size = Size::kLarge;
		EXPECT_FALSE(ParseWord(text, {"small", "large"}, size)) << text;
		EXPECT_EQ(size, Size::kLarge) << text;
	}
}

TEST(Options, Bytes)
{
	EXPECT_EQ(ParseBytes("0"), 0u);
	EXPECT_EQ(ParseBytes("65536"), 65536u);
	EXPECT_EQ(ParseBytes("65536B"), 65536u);
	EXPECT_EQ(ParseBytes("64kB"), 65536u);
	EXPECT_EQ(ParseBytes("064  MB"), uint64_t{64} << 20);
	EXPECT_EQ(ParseBytes("18446744073709551615"), UINT64_MAX);
	EXPECT_EQ(ParseBytes("17592186044415MB"), UINT64_MAX >> 20 << 20);
	for (std::string_view text : {"",
								  " ",
								  "MB",
								  "-1",
								  "+1",
								  " 1",
								  "1 ",
								  "1 kB ",
								  "1KB",
								  "1kb",
								  "1mb",
								  "1M",
								  "1GB",
								  "1.5MB",
								  "0x10",
								  "1e3",
								  "1kBB",
								  "18446744073709551616",
								  "17592186044416MB",
								  "18014398509481984kB"})
		EXPECT_EQ(ParseBytes(text), std::nullopt) << text;
}

} // namespace
} // namespace txsync::core
