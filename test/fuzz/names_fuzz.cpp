// Lists of names and patterns: what is read can be written in quotes and read again, a name as a pattern matches itself
// alone, and stars match as they are defined to.

#include "core/pattern.h"

#include <algorithm>
#include <string>
#include <vector>

#include "fuzz/require.h"

using namespace txsync::core;
using txsync::fuzz::Require;

namespace {

std::string
Quoted(std::string_view name)
{
	std::string quoted = "\"";
	for (char c : name)
		quoted += c == '"' ? "\"\"" : std::string(1, c);
	return quoted + '"';
}

void
RequireRoundTrip(const std::vector<std::string> &names)
{
	std::string list;
	for (const std::string &name : names) {
		list += (list.empty() ? "" : " , ") + Quoted(name);
		auto pattern = Pattern::Parse(Quoted(name));
		Require(pattern && pattern->Matches(name) && !pattern->Matches(name + "x"));
		auto table = TablePattern::Parse(Quoted(name) + '.' + Quoted(names[0]));
		Require(table && table->Matches(name, names[0]) && !table->Matches(name + "x", names[0]));
	}
	Require(ParseNames(list) == names);
}

// By the table of which beginnings match: no shortcuts.
bool
Expected(std::string_view pattern, std::string_view text)
{
	std::vector<char> matches(text.size() + 1, false);
	matches[0] = true;
	for (char c : pattern) {
		std::vector<char> next(text.size() + 1, false);
		next[0] = c == '*' && matches[0];
		for (size_t i = 1; i <= text.size(); i++)
			next[i] = c == '*' ? matches[i] || next[i - 1] : matches[i - 1] && text[i - 1] == c;
		matches = next;
	}
	return matches[text.size()];
}

} // namespace

// A list, and after the first line feed a text to match.
extern "C" int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	std::string_view input(reinterpret_cast<const char *>(data), size);
	std::string_view list = input.substr(0, input.find('\n'));
	std::string_view text = input.substr(std::min(input.size(), list.size() + 1));
	auto names = ParseNames(list);
	if (names)
		RequireRoundTrip(*names);

	// Patterns take the lists that names take, and more: quotes may begin at a star.
	auto patterns = ParsePatterns(list);
	Require(patterns || !names);
	auto tables = ParseTablePatterns(list);
	if (tables)
		Require(patterns || list.find('.') != list.npos);
	if (tables && patterns && list.find('.') == list.npos)
		Require(MatchesAny(*tables, "any", text) == MatchesAny(*patterns, text));
	if (list.find('"') == list.npos) {
		auto pattern = Pattern::Parse(list);
		Require(pattern && pattern->Matches(text) == Expected(list, text));
	}
	return 0;
}
