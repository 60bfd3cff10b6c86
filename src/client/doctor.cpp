#include "client/doctor.h"

#include "client/printable.h"

#include <climits>
#include <cstdlib>
#include <iostream>
#include <unistd.h>

namespace txsync::client {

static void
RequireExtension(Connection &connection)
{
	Result extension = connection.Query("SELECT FROM pg_catalog.pg_extension WHERE extname = 'txsync'");
	if (extension.Rows() == 0)
		throw Failure(ExitCode::kFindings, "the extension txsync is not installed in database \"" +
											   connection.Database() +
											   "\"\nHINT:  `txsync setup` with the same connection installs it.");
}

static const char *
ColourOf(std::string_view severity)
{
	if (severity == "error")
		return Printable::kRed;
	return severity == "warning" ? Printable::kYellow : Printable::kDim;
}

// Every line of `text`, behind a margin as wide as `first`, which stands before the first one.
static void
PrintBlock(std::string_view first, const char *colour, std::string_view text)
{
	static const bool colours = isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
	bool is_first = true;
	while (!text.empty()) {
		size_t end = std::min(text.find('\n'), text.size());
		Printable line(INT_MAX, colours);
		line.Add(is_first ? std::string(first) : std::string(first.size(), ' '), colour);
		line.Add(text.substr(0, end));
		std::cout << line.Text() << "\n";
		text.remove_prefix(std::min(end + 1, text.size()));
		is_first = false;
	}
}

static Result
QueryFindings(Connection &connection)
{
	try {
		return connection.Query("SELECT severity, finding, remedy FROM txsync.doctor()");
	} catch (const Failure &failure) {
		throw WithRightsHint(failure, "GRANT EXECUTE ON FUNCTION txsync.doctor() TO " +
										  connection.Identifier(connection.User()) + ";");
	}
}

bool
PrintFindings(Connection &connection)
{
	static constexpr size_t kMargin = 9;
	RequireExtension(connection);
	Result findings = QueryFindings(connection);
	bool healthy = true;
	for (int row = 0; row < findings.Rows(); row++) {
		std::string severity(findings.Get(row, 0));
		const char *colour = ColourOf(severity);
		healthy = healthy && severity != "error";
		severity.resize(std::max(severity.size() + 1, kMargin), ' ');
		PrintBlock(severity, colour, findings.Get(row, 1));
		PrintBlock(std::string(kMargin, ' ') + "-> ", Printable::kPlain, findings.Get(row, 2));
	}
	if (findings.Rows() == 0)
		std::cout << "nothing to complain about\n";
	std::cout.flush();
	return healthy;
}

ExitCode
Doctor(const Target &target, Waiter &waiter)
{
	Connection connection(target, Connection::Kind::kSql, waiter);
	return PrintFindings(connection) ? ExitCode::kOk : ExitCode::kFindings;
}

} // namespace txsync::client
