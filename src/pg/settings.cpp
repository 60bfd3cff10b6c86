#include "pg/settings.h"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
}

namespace txsync::pg {

SettingsScope::SettingsScope()
	: level_(NewGUCNestLevel())
{}

SettingsScope::~SettingsScope()
{
	AtEOXact_GUC(true, level_);
}

void
SettingsScope::Set(const char *name, const char *value)
{
	Call([&] { set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false); });
}

bool
IsSettled(Oid type)
{
	switch (type) {
	case BOOLOID:
	case BPCHAROID:
	case CHAROID:
	case INT2OID:
	case INT4OID:
	case INT8OID:
	case NAMEOID:
	case NUMERICOID:
	case OIDOID:
	case TEXTOID:
	case UUIDOID:
	case VARCHAROID:
		return true;
	default:
		return Call([&] { return get_typtype(type) == TYPTYPE_ENUM; });
	}
}

void
PinnedScope::Pin()
{
	scope_.emplace();
	for (const PinnedSetting &setting : kPinnedSettings) {
		const char *now = Call([&] { return GetConfigOption(setting.name, false, false); });
		if (strcmp(now, setting.value) != 0)
			scope_->Set(setting.name, setting.value);
	}
}

} // namespace txsync::pg
