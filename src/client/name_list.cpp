#include "client/name_list.h"

namespace txsync::client {

static std::string
Trimmed(std::string_view text)
{
	static constexpr std::string_view kBlanks = " \t\r\n";
	size_t first = text.find_first_not_of(kBlanks);
	if (first == text.npos)
		return "";
	return std::string(text.substr(first, text.find_last_not_of(kBlanks) - first + 1));
}

std::vector<std::string>
SplitNames(std::string_view list)
{
	std::vector<std::string> names;
	std::string name;
	auto end_name = [&] {
		if (std::string trimmed = Trimmed(name); !trimmed.empty())
			names.push_back(trimmed);
		name.clear();
	};
	for (size_t at = 0; at < list.size(); at++) {
		if (list[at] == ',')
			end_name();
		else if (list[at] != '"')
			name += list[at];
		else if (list.substr(at, 2) == "\"\"")
			name += list[at++]; // a doubled quote stands for itself
	}
	end_name();
	return names;
}

} // namespace txsync::client
