#pragma once
// What went wrong, in words for a person and in numbers for a script.

#include "client/exit_codes.h"

#include <stdexcept>
#include <string>
#include <string_view>

namespace txsync::client {

// An empty message means that there is nobody to tell: the reader of our output left, as `head` does.
class Failure : public std::runtime_error
{
public:
	Failure(ExitCode code, const std::string &message, std::string sqlstate = {}, bool may_pass = false);

	ExitCode code;        // what the program ends with, unless it tries again
	std::string sqlstate; // empty where the server said none
	bool may_pass;        // a later attempt may succeed: the server starts up, shuts down, is out of connections, …
};

constexpr std::string_view kInsufficientPrivilege = "42501";

// Thrown instead of waiting on when SIGINT or SIGTERM asks to stop.
struct Stopped
{};

// The same, with a HINT that names what gives the rights that it is for want of, unless the server gave one.
Failure WithRightsHint(const Failure &failure, const std::string &hint);

// Whether a server that answered with this SQLSTATE may answer otherwise a little later.
bool MayPass(std::string_view sqlstate);

// One message to stderr, `txsync: ` in front of it and a line feed behind it.
void Say(std::string_view text);

} // namespace txsync::client
