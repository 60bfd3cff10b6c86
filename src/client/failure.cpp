#include "client/failure.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace txsync::client {

// libpq ends some of its messages with a line feed and others not.
static std::string
WithoutLineFeeds(std::string_view text)
{
	while (text.ends_with('\n'))
		text.remove_suffix(1);
	return std::string(text);
}

Failure::Failure(ExitCode code, const std::string &message, std::string sqlstate, bool may_pass)
	: std::runtime_error(WithoutLineFeeds(message))
	, code(code)
	, sqlstate(std::move(sqlstate))
	, may_pass(may_pass)
{}

Failure
WithRightsHint(const Failure &failure, const std::string &hint)
{
	std::string message = failure.what();
	if (failure.sqlstate != kInsufficientPrivilege || message.find("\nHINT:  ") != message.npos)
		return failure;
	return Failure(failure.code, message + "\nHINT:  " + hint, failure.sqlstate, failure.may_pass);
}

bool
MayPass(std::string_view sqlstate)
{
	static constexpr std::array<std::string_view, 9> kPassing = {
		"53100", // disk full
		"53200", // out of memory
		"53300", // too many connections
		"55006", // the slot is active for somebody else
		"57014", // cancelled
		"57P01", // admin shutdown, pg_terminate_backend
		"57P02", // crash shutdown
		"57P03", // starting up, shutting down
		"57P05", // idle session timeout
	};
	return sqlstate.starts_with("08") || std::find(kPassing.begin(), kPassing.end(), sqlstate) != kPassing.end();
}

void
Say(std::string_view text)
{
	std::fprintf(stderr, "txsync: %s\n", WithoutLineFeeds(text).c_str());
}

} // namespace txsync::client
