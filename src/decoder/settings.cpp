#include "decoder/settings.h"

#include "pg/call.h"

extern "C" {
#include "utils/guc.h"
}

namespace txsync::decoder {

namespace {

struct Setting
{
	const char *name;
	const char *value;
};

constexpr Setting kPinned[] = {
	{"TimeZone", "UTC"},     {"DateStyle", "ISO, YMD"}, {"IntervalStyle", "postgres"}, {"extra_float_digits", "1"},
	{"bytea_output", "hex"}, {"lc_monetary", "C"},      {"search_path", "pg_catalog"}, {"quote_all_identifiers", "off"},
};

} // namespace

void
PinSettings()
{
	pg::Call([] {
		for (const Setting &setting : kPinned)
			set_config_option(setting.name, setting.value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
							  false);
	});
}

} // namespace txsync::decoder
