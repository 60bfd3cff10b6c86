#pragma once
// How txsync's own tables are read where that is to cost the same, however large they become.

#include "api/attach.h"
#include "pg/spi.h"

namespace txsync::api {

// Within it statements run as the extension's owner, and by indexes: a plan is kept for long, and may be made while the
// tables are small. To be planned as Planned::kGeneric.
class ByIndex
{
public:
	ByIndex()
	{
		settings_.Set("enable_seqscan", "off");
		settings_.Set("enable_bitmapscan", "off");
		settings_.Set("jit", "off");
	}

private:
	pg::RoleScope as_owner_{ExtensionOwner()};
	pg::SettingsScope settings_;
};

} // namespace txsync::api
