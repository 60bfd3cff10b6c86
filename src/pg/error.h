#pragma once
// What can be thrown between the two doors.

#include "pg/server.h"

namespace txsync::pg {

// A PostgreSQL ERROR on its way through C++ frames. It must reach an Entry, which raises it again as it was: whoever
// wants to catch it and go on needs a subtransaction around what failed.
struct Error
{
	ErrorData *data; // in the memory context that was current when the guarded call began

	// Whether something would have become larger than the server's 1 GB: palloc() says it in one way, StringInfo in
	// another.
	bool IsTooLarge() const;

	// Whether the server's stack did not suffice.
	bool IsTooDeep() const;
};

// An error of ours for the user, raised by Entry with all its parts. `sqlstate` is what MAKE_SQLSTATE gives.
struct Failure
{
	int sqlstate;
	std::string message;
	std::string detail = {};
	std::string hint = {};
};

} // namespace txsync::pg
