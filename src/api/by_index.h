#pragma once
// How txsync's own tables are read where that is to cost the same, however large they become.

#include "api/attach.h"
#include "pg/spi.h"

#include <array>

extern "C" {
#include "utils/guc.h"
}

namespace txsync::api {

// Within it statements run as the extension's owner, and by indexes: a plan is kept for long, and may be made while the
// tables are small. To be planned as Planned::kGeneric.
class ByIndex
{
public:
	ByIndex()
	{
		for (size_t i = 0; i < kSettings.size(); i++) {
			before_[i] = pg::Call([&] { return GetConfigOption(kSettings[i], false, false); });
			settings_.Set(kSettings[i], "off");
		}
	}

	// For statements of others in between: the settings as they were, within a scope.
	class Suspended
	{
	public:
		explicit Suspended(const ByIndex &scope)
		{
			for (size_t i = 0; i < kSettings.size(); i++)
				settings_.Set(kSettings[i], scope.before_[i].c_str());
		}

	private:
		pg::SettingsScope settings_;
	};

private:
	static constexpr std::array<const char *, 3> kSettings = {"enable_seqscan", "enable_bitmapscan", "jit"};

	pg::RoleScope as_owner_{ExtensionOwner()};
	std::array<std::string, kSettings.size()> before_;
	pg::SettingsScope settings_;
};

} // namespace txsync::api
