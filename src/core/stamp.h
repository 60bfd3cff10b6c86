#pragma once
// When something was changed, on the hybrid logical clock: the time of an id, without its node.

#include <compare>
#include <cstdint>
#include <string_view>

namespace txsync::core {

// 0/0: unknown. Of two that are equal, the ids beside decide (IsNewer() in core/conflict.h).
struct Stamp
{
	uint64_t wall_ms = 0;
	uint64_t logical = 0;

	auto operator<=>(const Stamp &) const = default;
};

// The time in an id of a clock; unknown for other ids.
Stamp TimeOf(std::string_view id);

// The least stamp above another; carried into the wall time beyond a logical of 9999, as ids are. At the very end of
// time it stands still.
Stamp After(const Stamp &stamp);

} // namespace txsync::core
