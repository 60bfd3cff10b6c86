// Lines of `name=value`: an error says what is wrong and what would be right; without one, the settings are what the
// values say.

#include "core/options.h"

#include <algorithm>
#include <string>
#include <vector>

#include "fuzz/require.h"

using txsync::core::Option;
using txsync::core::OptionError;
using txsync::core::OptionValue;
using txsync::core::ParseBool;
using txsync::fuzz::Require;

namespace {

struct Settings
{
	bool batch = false;
	std::string text;
	int applied = 0;
};

constexpr Option<Settings> kTable[] = {
	{"batch", "Choose one of: on, off.",
	 [](Settings &settings, std::string_view value) {
		 settings.applied++;
		 return ParseBool(value, settings.batch);
	 }},
	{"text", "Give a text.",
	 [](Settings &settings, std::string_view value) {
		 settings.applied++;
		 settings.text = value;
		 return !value.empty();
	 }},
};

std::vector<OptionValue>
Split(std::string_view text)
{
	std::vector<OptionValue> values;
	while (!text.empty()) {
		std::string_view line = text.substr(0, text.find('\n'));
		text.remove_prefix(std::min(text.size(), line.size() + 1));
		size_t equals = line.find('=');
		if (equals == line.npos)
			values.push_back({line, "", false});
		else
			values.push_back({line.substr(0, equals), line.substr(equals + 1)});
	}
	return values;
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	std::vector<OptionValue> values = Split({reinterpret_cast<const char *>(data), size});
	Settings settings;
	OptionError error = ParseOptions(kTable, values, settings);
	if (!error.message.empty()) {
		Require(error.hint.ends_with('.'));
		return 0;
	}
	Require(error.hint.empty() && settings.applied == static_cast<int>(values.size()) && settings.applied <= 2);
	for (const OptionValue &option : values) {
		bool batch = false;
		Require(option.given);
		Require(option.name == "text" ? settings.text == option.value
									  : ParseBool(option.value, batch) && batch == settings.batch);
	}
	return 0;
}
