#pragma once
// The settings that output functions look at, pinned so that a change reads the same whoever decodes it.

namespace txsync::decoder {

// Sets them for the transaction that decoding runs in, which the server always rolls back: nothing has to be restored.
void PinSettings();

} // namespace txsync::decoder
