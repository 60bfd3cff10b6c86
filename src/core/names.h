#pragma once
// Lists as a subscriber writes them: `pages, "Odd, name"`. An element is bare or in double quotes, in which a quote is
// doubled and everything else stands for itself: what quote_ident() gives is read back as it was. Nothing is folded to
// lower case.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace txsync::core {

std::string_view WithoutBlanksAround(std::string_view text);

// The parts between separators that are not in quotes, quotes and all: at least one, any of them may be empty.
std::vector<std::string_view> SplitOutsideQuotes(std::string_view text, char separator);

// A part as it is meant. Nothing for a quote that has no end, or that is in the middle of a bare part.
std::optional<std::string> Unquoted(std::string_view part);

// The elements of a list between commas, without the white space around them, each as `parse` gives it. Nothing if an
// element is missing (`a,,b`; but `""` is an empty name), if there is none, or if `parse` refuses one.
template <class T>
std::optional<std::vector<T>>
ParseList(std::string_view list, std::optional<T> (*parse)(std::string_view element))
{
	std::vector<T> elements;
	for (std::string_view part : SplitOutsideQuotes(list, ',')) {
		std::string_view element = WithoutBlanksAround(part);
		std::optional<T> parsed = element.empty() ? std::nullopt : parse(element);
		if (!parsed)
			return {};
		elements.push_back(std::move(*parsed));
	}
	return elements;
}

inline std::optional<std::vector<std::string>>
ParseNames(std::string_view list)
{
	return ParseList(list, Unquoted);
}

} // namespace txsync::core
