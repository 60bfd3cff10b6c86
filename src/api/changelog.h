#pragma once
// How far the changelog goes, and the cursors that say where in it a reader is.

#include "api/activity.h"

namespace txsync::api {

// As committed when it was looked at: activities up to last_id are all there to whoever looks later.
struct Extent
{
	int64_t epoch = 0; // 0: it has not begun
	int64_t last_id = 0;
	int64_t floor = 0; // activities up to here may be gone
};

Extent ExtentNow();

// The cursor that goes on behind an activity, for a reader with this filter or a narrower one.
std::string CursorAt(const Extent &extent, int64_t position, const Filter &filter);

// The activity behind which the reader goes on. Fails with the CURSOR_ errors.
int64_t PositionOf(std::string_view cursor, const Extent &extent, const Filter &filter);

// Whether the cursor is of a filter that has an entity type or topic by name: it was known then.
bool AsksFor(std::string_view cursor, std::string_view name);

// Fails with CURSOR_EXPIRED if not all that came behind the position can be told any more.
void RequireWhole(int64_t position, const Extent &extent, const Filter &filter);

} // namespace txsync::api
