#include "core/scan.h"

#include <algorithm>

#include "core/no_postgres.h"

namespace txsync::core {

size_t
EndOfString(std::string_view json)
{
	size_t at = 1;
	while (at < json.size() && json[at] != '"')
		at += json[at] == '\\' ? 2 : 1;
	return std::min(at + 1, json.size());
}

size_t
EndOfValue(std::string_view json)
{
	int depth = 0;
	size_t at = 0;
	while (at < json.size()) {
		char c = json[at];
		bool closes = c == '}' || c == ']';
		if (depth == 0 && at > 0 && (closes || c == ','))
			break;
		depth += (c == '{' || c == '[') - static_cast<int>(closes);
		at += c == '"' ? EndOfString(json.substr(at)) : 1;
	}
	return at;
}

} // namespace txsync::core
