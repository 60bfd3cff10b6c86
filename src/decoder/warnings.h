#pragma once
// What may have been meant otherwise: by a subscriber, told at the start, or by whoever wrote a message.

#include "decoder/options.h"

extern "C" {
#include "datatype/timestamp.h"
}

namespace txsync::decoder {

// A WARNING where the database lacks the extension, for each entity type and table pattern that nothing tracked goes
// by, and for each publication that does not exist: it may be misspelt, or come later.
void WarnOfWhatIsMissing(const Options &options);

// A WARNING of a message that is not under the database's seal, and so is not told; of others within a minute none,
// since anybody may write them.
class WarningOfForgery
{
public:
	void Give();

private:
	TimestampTz last_ = 0;
};

} // namespace txsync::decoder
