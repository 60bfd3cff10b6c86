#pragma once
// Where capture goes on when a worker starts.

#include "worker/changelog.h"

namespace txsync::worker {

// Acquires the slot and returns the position from which on it is to be read: behind what the changelog has, or, where
// there is none yet or a gap is to be left behind, where a new slot begins. Nothing if there is a gap: it is noted, and
// txsync.reset_capture() decides how to go on.
std::optional<XLogRecPtr> FindStart(Changelog &changelog, const char *channel);

} // namespace txsync::worker
