#pragma once
// How the program says what became of it. docs/client.md lists these for users.

namespace txsync::client {

enum class ExitCode
{
	kOk = 0,
	kOther = 1,       // wrong arguments, and whatever has no number of its own
	kConnection = 2,  // no connection, and trying again would not help
	kNoSlot = 3,      // the slot does not exist
	kOtherPlugin = 4, // the slot is another plugin's, or a physical one
	kLost = 5,        // the connection went, and a temporary slot with it: nothing to resume from
	kOutput = 6,      // the output was closed or cannot be written
	kFindings = 7,    // doctor found errors
	kRefused = 8,     // the server said no: permission, options, plugin not allowed, …
};

} // namespace txsync::client
