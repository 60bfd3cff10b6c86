#include "core/stamp.h"

#include "core/hlc.h"

#include <limits>

#include "core/no_postgres.h"

namespace txsync::core {

Stamp
TimeOf(std::string_view id)
{
	std::optional<Hlc> hlc = ParseHlc(id);
	return hlc ? Stamp{hlc->wall_ms, hlc->logical} : Stamp{};
}

Stamp
After(const Stamp &stamp)
{
	constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
	if (stamp >= Stamp{Hlc::kMaxWall, kMax})
		return stamp;
	Hlc next = Next({stamp.wall_ms, stamp.logical, {}}, 0);
	return {next.wall_ms, next.logical};
}

} // namespace txsync::core
