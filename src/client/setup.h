#pragma once
// `txsync setup`: makes a database ready, as far as that goes without a restart.

#include "client/connection.h"

namespace txsync::client {

// Creates the extension and sets what it needs, where it is not so already; prints what it did, what doctor() still
// finds and whether a restart is due. Throws Failure.
void Setup(const Target &target, Waiter &waiter);

} // namespace txsync::client
