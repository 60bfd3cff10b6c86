#include "core/options.h"

#include <algorithm>
#include <charconv>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

std::string
Joined(std::initializer_list<std::string_view> parts)
{
	std::string text;
	for (std::string_view part : parts)
		text += part;
	return text;
}

// std::tolower would ask the locale.
char
Lower(char c)
{
	return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

} // namespace

OptionError
UnknownOption(std::string_view name, std::span<const std::string_view> known)
{
	std::string names;
	for (std::string_view option : known)
		names += Joined({names.empty() ? "" : ", ", option});
	return {Joined({"unknown option \"", name, "\""}),
			known.empty() ? "There are no options." : Joined({"The options are: ", names, "."})};
}

OptionError
GivenTwice(std::string_view name, std::string_view form)
{
	return {Joined({"option \"", name, "\" is given twice"}), Joined({"Give it once. ", form})};
}

OptionError
MissingValue(std::string_view name, std::string_view form)
{
	return {Joined({"option \"", name, "\" needs a value"}), std::string(form)};
}

OptionError
BadValue(std::string_view name, std::string_view value, std::string_view form)
{
	return {Joined({"option \"", name, "\" has the value \"", value, "\""}), std::string(form)};
}

bool
GivenBefore(std::span<const OptionValue> values, size_t i)
{
	return std::ranges::any_of(values.first(i), [&](const OptionValue &other) { return other.name == values[i].name; });
}

bool
EqualAnyCase(std::string_view text, std::string_view lower)
{
	return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
					  [](char a, char b) { return Lower(a) == b; });
}

bool
ParseBool(std::string_view text, bool &value)
{
	static constexpr std::string_view kOn[] = {"on", "true", "yes", "1"};
	static constexpr std::string_view kOff[] = {"off", "false", "no", "0"};
	auto matches = [&](std::string_view word) { return EqualAnyCase(text, word); };
	bool on = std::ranges::any_of(kOn, matches);
	if (!on && !std::ranges::any_of(kOff, matches))
		return false;
	value = on;
	return true;
}

std::optional<uint64_t>
ParseBytes(std::string_view text)
{
	uint64_t number = 0;
	auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
	if (error != std::errc())
		return {};
	text.remove_prefix(static_cast<size_t>(rest - text.data()));
	while (text.size() > 1 && text.starts_with(' '))
		text.remove_prefix(1);
	unsigned shift = 0;
	if (text == "MB")
		shift = 20;
	else if (text == "kB")
		shift = 10;
	else if (!text.empty() && text != "B")
		return {};
	if (number > UINT64_MAX >> shift)
		return {};
	return number << shift;
}

} // namespace txsync::core
