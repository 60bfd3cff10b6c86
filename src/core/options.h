#pragma once
// name=value options that a table describes: how the output plugin reads what a subscriber asks for.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace txsync::core {

// What was wrong with an option, for an error that names it and says what would have been right.
struct OptionError
{
	std::string message; // `unknown option "batsh"`, `option "batch" has the value "maybe"`
	std::string hint;    // `Choose one of: on, off.`; `The options are: batch.`
};

struct Option
{
	std::string_view name;
	std::string_view choices;                             // for the hint: `on, off`
	bool (*set)(void *settings, std::string_view value); // false: not one of the choices
};

struct OptionValue
{
	std::string_view name;
	std::string_view value;
	bool given = true; // false: the name stood alone; that is an error for an option that takes a value
};

// Applies each value to `settings` by the table; returns the errors' first, or an empty message if all went well.
// A name given twice is an error: the two might contradict each other.
OptionError ParseOptions(std::span<const Option> table, std::span<const OptionValue> values, void *settings);

// `on|off|true|false|yes|no|1|0`, any case.
bool ParseBool(std::string_view text, bool &value);

} // namespace txsync::core
