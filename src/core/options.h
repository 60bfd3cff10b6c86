#pragma once
// name=value options that a table describes: how the output plugin reads what a subscriber asks for.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
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
	std::string_view form;                            // what it takes, for the hint: `Choose one of: on, off.`
	bool (*set)(S &settings, std::string_view value); // false: the value has not that form
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
OptionError GivenTwice(std::string_view name, std::string_view form);
OptionError MissingValue(std::string_view name, std::string_view form);
OptionError BadValue(std::string_view name, std::string_view value, std::string_view form);

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
			return GivenTwice(name, option->form);
		if (!given)
			return MissingValue(name, option->form);
		if (!option->set(settings, value))
			return BadValue(name, value, option->form);
	}
	return {};
}

// `on|off|true|false|yes|no|1|0`, any case. False, and `value` untouched, if it is none of them.
bool ParseBool(std::string_view text, bool &value);

// Whether the text is `lower`, which has no capitals, in any case.
bool EqualAnyCase(std::string_view text, std::string_view lower);

// One of `words`, which stand in the order of E's enumerators, any case. False, and `value` untouched, for any other.
template <class E>
bool
ParseWord(std::string_view text, std::initializer_list<std::string_view> words, E &value)
{
	for (size_t i = 0; i < words.size(); i++) {
		if (EqualAnyCase(text, words.begin()[i])) {
			value = static_cast<E>(i);
			return true;
		}
	}
	return false;
}

// A number of bytes as PostgreSQL's settings have it: `65536`, `64kB`, `64 MB` (units of 1024); no sign, no fraction.
// Nothing for other texts, nor for more than 64 bits hold.
std::optional<uint64_t> ParseBytes(std::string_view text);

} // namespace txsync::core
