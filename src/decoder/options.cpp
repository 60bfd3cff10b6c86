#include "decoder/options.h"

#include "core/options.h"
#include "pg/error.h"

extern "C" {
#include "nodes/parsenodes.h"
#include "nodes/value.h"
}

namespace txsync::decoder {

namespace {

constexpr core::Option<Options> kTable[] = {
	{"batch", "on, off",
	 [](Options &options, std::string_view value) {
		 bool on = false;
		 if (!core::ParseBool(value, on))
			 return false;
		 options.batch = on ? Options::Batch::kOn : Options::Batch::kOff;
		 return true;
	 }},
};

} // namespace

Options
ReadOptions(List *given)
{
	std::vector<core::OptionValue> values;
	for (int i = 0; i < list_length(given); i++) {
		auto *element = static_cast<DefElem *>(list_nth(given, i));
		auto *value = reinterpret_cast<String *>(element->arg);
		if (value != nullptr && value->sval != nullptr)
			values.push_back({element->defname, value->sval});
		else
			values.push_back({element->defname, "", false});
	}
	Options options;
	core::OptionError error = core::ParseOptions<Options>(kTable, values, options);
	if (!error.message.empty())
		throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, error.message, {}, error.hint};
	return options;
}

} // namespace txsync::decoder
