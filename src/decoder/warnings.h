#pragma once
// What a subscriber may have meant otherwise, told at the start.

#include "decoder/options.h"

namespace txsync::decoder {

// A WARNING where the database lacks the extension, for each entity type and table pattern that nothing tracked goes
// by, and for each publication that does not exist: it may be misspelt, or come later.
void WarnOfWhatIsMissing(const Options &options);

} // namespace txsync::decoder
