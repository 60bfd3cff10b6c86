#pragma once

#include <cstdint>

namespace txsync::core {

// Compact lines leave out the members that are null, a version that is the tx's own, and of the position what the
// transaction's begin line has said: docs/format.md. core/compact.h is the way back.
enum class Form : uint8_t
{
	kWhole,
	kCompact,
};

} // namespace txsync::core
