#include "core/pattern.h"

#include <algorithm>

#include "core/no_postgres.h"

namespace txsync::core {

std::optional<Pattern>
Pattern::Parse(std::string_view element)
{
	Pattern pattern;
	pattern.pieces_.clear();
	for (std::string_view part : SplitOutsideQuotes(element, '*')) {
		std::optional<std::string> piece = Unquoted(part);
		if (!piece)
			return {};
		pattern.pieces_.push_back(std::move(*piece));
	}
	return pattern;
}

bool
Pattern::Matches(std::string_view text) const
{
	const std::string &first = pieces_.front();
	const std::string &last = pieces_.back();
	if (pieces_.size() == 1)
		return text == first;
	if (text.size() < first.size() + last.size() || !text.starts_with(first) || !text.ends_with(last))
		return false;
	text.remove_prefix(first.size());
	text.remove_suffix(last.size());
	// A piece's first place leaves the most room to those behind it, so there is nothing to come back for.
	for (size_t i = 1; i + 1 < pieces_.size(); i++) {
		size_t at = text.find(pieces_[i]);
		if (at == text.npos)
			return false;
		text.remove_prefix(at + pieces_[i].size());
	}
	return true;
}

std::optional<TablePattern>
TablePattern::Parse(std::string_view element)
{
	std::vector<std::string_view> parts = SplitOutsideQuotes(element, '.');
	if (parts.size() > 2)
		return {};
	std::vector<Pattern> patterns;
	for (std::string_view part : parts) {
		std::string_view name = WithoutBlanksAround(part);
		std::optional<Pattern> pattern = name.empty() ? std::nullopt : Pattern::Parse(name);
		if (!pattern)
			return {};
		patterns.push_back(std::move(*pattern));
	}
	if (patterns.size() == 1)
		return TablePattern{std::string(element), Pattern(), patterns[0]};
	return TablePattern{std::string(element), patterns[0], patterns[1]};
}

bool
MatchesAny(std::span<const Pattern> patterns, std::string_view text)
{
	return std::ranges::any_of(patterns, [&](const Pattern &pattern) { return pattern.Matches(text); });
}

bool
MatchesAny(std::span<const TablePattern> patterns, std::string_view schema, std::string_view table)
{
	return std::ranges::any_of(patterns, [&](const TablePattern &pattern) { return pattern.Matches(schema, table); });
}

} // namespace txsync::core
