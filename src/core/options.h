#pragma once
// name=value options that a table describes: how the output plugin reads what a subscriber asks for.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace txsync::core {

// One line of a table of options that are kept in an S.
template <class S>
struct Option
{
	std::string_view name;
	std::string_view choices;                         // for the hint: `on, off`
	bool (*set)(S &settings, std::string_view value); // false: not one of the choices
};

struct OptionValue
{
	std::string_view name;
	std::string_view value;
	bool given = true; // false: the name stood alone, which is an error
};

// What was wrong with an option, for an error that names it and says what would have been right.
struct OptionError
{
	std::string message; // `unknown option "batsh"`, `option "batch" has the value "maybe"`
	std::string hint;    // `Choose one of: on, off.`; `The options are: batch.`
};

// The errors' texts; they need no settings.
OptionError UnknownOption(std::string_view name, std::span<const std::string_view> known);
OptionError GivenTwice(std::string_view name, std::string_view choices);
OptionError MissingValue(std::string_view name, std::string_view choices);
OptionError BadValue(std::string_view name, std::string_view value, std::string_view choices);

// Whether values[i] has the name of an earlier one.
bool GivenBefore(std::span<const OptionValue> values, size_t i);

// Applies each value to `settings` by the table; returns the first error, or an empty message if all went well. After
// an error the settings are as far as the values before it took them. A name given twice is an error: the two might
// contradict each other.
template <class S>
OptionError
ParseOptions(std::span<const Option<std::type_identity_t<S>>> table, std::span<const OptionValue> values, S &settings)
{
	for (size_t i = 0; i < values.size(); i++) {
		const auto &[name, value, given] = values[i];
		const Option<S> *option = nullptr;
		for (const Option<S> &known : table) {
			if (known.name == name)
				option = &known;
		}
		if (option == nullptr) {
			std::vector<std::string_view> names;
			for (const Option<S> &known : table)
				names.push_back(known.name);
			return UnknownOption(name, names);
		}
		if (GivenBefore(values, i))
			return GivenTwice(name, option->choices);
		if (!given)
			return MissingValue(name, option->choices);
		if (!option->set(settings, value))
			return BadValue(name, value, option->choices);
	}
	return {};
}

// `on|off|true|false|yes|no|1|0`, any case. False, and `value` untouched, if it is none of them.
bool ParseBool(std::string_view text, bool &value);

} // namespace txsync::core
