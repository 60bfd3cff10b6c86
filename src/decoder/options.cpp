#include "decoder/options.h"

#include "core/options.h"
#include "pg/error.h"

extern "C" {
#include "nodes/parsenodes.h"
#include "nodes/value.h"
}

namespace txsync::decoder {

namespace {

constexpr std::string_view kSwitch = "Choose one of: on, off.";
constexpr std::string_view kNames = "Give a list of names: name, \"other name\".";
constexpr std::string_view kTables = "Give a list of tables, where * stands for any characters: schema.table, name*, "
									 "\"Schema\".\"table\".";

// What a parser found, if it found anything, into its place.
template <class T, class U>
bool
Take(T &&parsed, U &place)
{
	if (parsed)
		place = U(*std::forward<T>(parsed));
	return parsed.has_value();
}

bool
SetBatch(Options &options, std::string_view value)
{
	bool on = false;
	if (!core::ParseBool(value, on))
		return false;
	options.batch = on ? Options::Batch::kOn : Options::Batch::kOff;
	return true;
}

bool
SetForm(Options &options, std::string_view value)
{
	bool compact = false;
	if (!core::ParseBool(value, compact))
		return false;
	options.form = compact ? core::Form::kCompact : core::Form::kWhole;
	return true;
}

// The upper bound is a round number below what the server can hold in one piece.
bool
SetMaxRecordBytes(Options &options, std::string_view value)
{
	std::optional<uint64_t> bytes = core::ParseBytes(value);
	if (!bytes || *bytes < 1024 || *bytes > uint64_t{1000} << 20)
		return false;
	options.max_record_bytes = *bytes;
	return true;
}

constexpr core::Option<Options> kTable[] = {
	{"entity-types", kNames,
	 [](Options &o, std::string_view value) { return Take(core::ParseNames(value), o.filter.entity_types); }},
	{"organizations", kNames,
	 [](Options &o, std::string_view value) { return Take(core::ParseNames(value), o.filter.organizations); }},
	{"tables", kTables,
	 [](Options &o, std::string_view value) { return Take(core::ParseTablePatterns(value), o.filter.tables); }},
	{"exclude-tables", kTables,
	 [](Options &o, std::string_view value) { return Take(core::ParseTablePatterns(value), o.filter.exclude_tables); }},
	{"actions", "Give a list of: create, update, delete, truncate, event, visibility.",
	 [](Options &o, std::string_view value) { return Take(core::ActionSet::Parse(value), o.filter.actions); }},
	{"publications", kNames,
	 [](Options &o, std::string_view value) { return Take(core::ParseNames(value), o.publications); }},
	{"origin", "Choose one of: any, none.",
	 [](Options &o, std::string_view value) {
		 return core::ParseWord(value, {"any", "none"}, o.origin);
	 }},
	{"messages", "Give a list of prefixes, where * stands for any characters: prefix, name*, \"other prefix\".",
	 [](Options &o, std::string_view value) { return Take(core::ParsePatterns(value), o.messages); }},
	{"include-data", "Choose one of: all, changed, none.",
	 [](Options &o, std::string_view value) {
		 return core::ParseWord(value, {"all", "changed", "none"}, o.include_data);
	 }},
	{"include-old", kSwitch, [](Options &o, std::string_view value) { return core::ParseBool(value, o.include_old); }},
	{"big-numbers", "Choose one of: number, string.",
	 [](Options &o, std::string_view value) {
		 return core::ParseWord(value, {"number", "string"}, o.big_numbers);
	 }},
	{"max-record-bytes", "Give a size from 1kB to 1000MB, such as 64MB.", SetMaxRecordBytes},
	{"compact", kSwitch, SetForm},
	{"batch", kSwitch, SetBatch},
	{"streaming", kSwitch, [](Options &o, std::string_view value) { return core::ParseBool(value, o.streaming); }},
	{"two-phase", kSwitch, [](Options &o, std::string_view value) { return core::ParseBool(value, o.two_phase); }},
};

core::OptionError
Contradiction(const Options &options)
{
	if (options.include_data == Options::Data::kNone && options.include_old)
		return {"options \"include-data\" and \"include-old\" contradict each other",
				"With \"include-data\" none no values are told, so leave \"include-old\" off; or choose one of: all, "
				"changed."};
	return {};
}

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
	if (error.message.empty())
		error = Contradiction(options);
	if (!error.message.empty())
		throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, error.message, {}, error.hint};
	return options;
}

} // namespace txsync::decoder
