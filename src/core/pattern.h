#pragma once
// Names with a wildcard, in the syntax of core/names.h: outside quotes `*` stands for any run of characters, also none.

#include "core/names.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace txsync::core {

class Pattern
{
public:
	Pattern() = default; // `*`

	// `page_*`, `"100*"`, `"a b"*`; each run between stars is bare or in quotes. Nothing if one is neither.
	static std::optional<Pattern> Parse(std::string_view element);

	// Never more than text × pattern steps: no piece is looked for twice.
	bool Matches(std::string_view text) const;

private:
	std::vector<std::string> pieces_ = {"", ""}; // between the stars: one more than there are stars
};

struct TablePattern
{
	std::string text; // as it was given
	Pattern schema;
	Pattern table;

	// `schema.table`, or `table` in any schema: each a pattern. Nothing for more parts than two, or an empty one.
	static std::optional<TablePattern> Parse(std::string_view element);

	bool
	Matches(std::string_view schema_name, std::string_view table_name) const
	{
		return schema.Matches(schema_name) && table.Matches(table_name);
	}
};

inline std::optional<std::vector<Pattern>>
ParsePatterns(std::string_view list)
{
	return ParseList(list, Pattern::Parse);
}

inline std::optional<std::vector<TablePattern>>
ParseTablePatterns(std::string_view list)
{
	return ParseList(list, TablePattern::Parse);
}

bool MatchesAny(std::span<const Pattern> patterns, std::string_view text);
bool MatchesAny(std::span<const TablePattern> patterns, std::string_view schema, std::string_view table);

} // namespace txsync::core
