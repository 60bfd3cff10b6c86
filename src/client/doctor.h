#pragma once
// `txsync doctor`: what the database's own doctor() finds, for people.

#include "client/connection.h"

namespace txsync::client {

// Prints the findings to stdout. False if one of them is an error. Throws Failure, also where the extension is missing.
bool PrintFindings(Connection &connection);

// Connects and prints. Throws Failure.
ExitCode Doctor(const Target &target, Waiter &waiter);

} // namespace txsync::client
