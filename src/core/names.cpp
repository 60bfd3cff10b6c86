#include "core/names.h"

#include "core/no_postgres.h"

namespace txsync::core {

std::string_view
WithoutBlanksAround(std::string_view text)
{
	static constexpr std::string_view kBlanks = " \t\n\v\f\r";
	size_t first = text.find_first_not_of(kBlanks);
	if (first == text.npos)
		return {};
	return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::vector<std::string_view>
SplitOutsideQuotes(std::string_view text, char separator)
{
	std::vector<std::string_view> parts;
	bool quoted = false; // a doubled quote ends and begins: that comes to the same
	size_t start = 0;
	for (size_t at = 0; at < text.size(); at++) {
		if (text[at] == '"') {
			quoted = !quoted;
		} else if (text[at] == separator && !quoted) {
			parts.push_back(text.substr(start, at - start));
			start = at + 1;
		}
	}
	parts.push_back(text.substr(start));
	return parts;
}

std::optional<std::string>
Unquoted(std::string_view part)
{
	if (!part.starts_with('"')) {
		if (part.find('"') != part.npos)
			return {};
		return std::string(part);
	}
	if (part.size() < 2 || !part.ends_with('"'))
		return {};
	std::string_view inner = part.substr(1, part.size() - 2);
	std::string name;
	name.reserve(inner.size());
	for (size_t i = 0; i < inner.size(); i++) {
		if (inner[i] == '"' && (++i == inner.size() || inner[i] != '"'))
			return {};
		name += inner[i];
	}
	return name;
}

} // namespace txsync::core
