#pragma once
// What a subscriber may have meant otherwise, told at the start.

#include "core/filter.h"

namespace txsync::decoder {

// A WARNING where the database lacks the extension, and for each entity type and table pattern that nothing tracked
// goes by: it may be misspelt, or tracked later.
void WarnOfWhatIsMissing(const core::Filter &filter);

} // namespace txsync::decoder
