#pragma once
// What a subscriber may have meant otherwise, told at the start.

#include "core/filter.h"

namespace txsync::decoder {

// A WARNING for each entity type that nothing is tracked under: it may be misspelt, or tracked later.
void WarnOfUnknownEntityTypes(const core::Filter &filter);

} // namespace txsync::decoder
