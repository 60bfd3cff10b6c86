#pragma once
// What writes make of an entity's versions.

#include "core/buffer.h"
#include "core/stamp.h"
#include "core/versions.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace txsync::core {

// A write to an entity that is there.
struct RowWrite
{
	std::string_view id;              // 1 to 128 bytes
	Stamp base;                       // the mutation's own time
	std::span<const uint32_t> fields; // numbers of those that it changes, in any order; fastest if ascending
};

// Appends the stored form behind a write: the next row version, and each given field with the id and a stamp above its
// previous one (the creation's, if it was never changed): that of the mutation, but no later than `ceiling`, or the
// next after the previous. `out` is not what `before` views.
void Advance(Buffer &out, const Versions &before, const RowWrite &write, const Stamp &ceiling);

// Appends the stored form of an entity that was just created. An id with data() == nullptr is unknown.
void WriteFresh(Buffer &out, uint64_t row_version, std::string_view creating_id, const Stamp &created);

} // namespace txsync::core
