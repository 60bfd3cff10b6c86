#include "decoder/settings.h"

#include "pg/settings.h"

extern "C" {
#include "utils/guc.h"
}

namespace txsync::decoder {

void
PinSettings()
{
	pg::Call([] {
		for (const pg::PinnedSetting &setting : pg::kPinnedSettings)
			set_config_option(setting.name, setting.value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
							  false);
	});
}

} // namespace txsync::decoder
