#include "client/connection.h"

#include <charconv>
#include <new>
#include <vector>

namespace txsync::client {

static constexpr const char *kSilentPeerMs = "60000";

static void
SayNotice(void *, const char *message)
{
	Say(message);
}

// In the order in which libpq applies them: defaults of ours, the options, whatever a conninfo string says, what must
// be.
static PGconn *
Start(const Target &target, Connection::Kind kind)
{
	std::vector<const char *> names;
	std::vector<const char *> values;
	auto add = [&](const char *name, const char *value) {
		names.push_back(name);
		values.push_back(value);
	};
	// A peer that vanished without a word would otherwise be noticed after a quarter of an hour.
	add("tcp_user_timeout", kSilentPeerMs);
	if (target.host)
		add("host", target.host->c_str());
	if (target.port)
		add("port", target.port->c_str());
	if (target.user)
		add("user", target.user->c_str());
	if (target.database)
		add("dbname", target.database->c_str());
	add("fallback_application_name", "txsync");
	add("client_encoding", "UTF8");
	add("replication", kind == Connection::Kind::kReplication ? "database" : "");
	add(nullptr, nullptr);
	return PQconnectStartParams(names.data(), values.data(), 1);
}

// libpq has no field for the SQLSTATE of a refused connection. Its verbose message has: `FATAL:  28P01: password …`.
static std::string
SqlStateIn(std::string_view verbose)
{
	static constexpr std::string_view kMark = ":  ";
	static constexpr std::string_view kAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	std::string found;
	for (size_t at = verbose.find(kMark); at != std::string_view::npos; at = verbose.find(kMark, at + 1)) {
		std::string_view code = verbose.substr(at + kMark.size(), 6);
		if (code.size() == 6 && code[5] == ':' && code.substr(0, 5).find_first_not_of(kAlphabet) == code.npos)
			found = code.substr(0, 5); // the last of several hosts decides
	}
	return found;
}

// The verbose message without what is for developers: the SQLSTATE and the server's source file.
static std::string
WithoutVerbosity(std::string text, const std::string &sqlstate)
{
	if (!sqlstate.empty())
		for (size_t at = text.find(sqlstate + ": "); at != text.npos; at = text.find(sqlstate + ": "))
			text.erase(at, sqlstate.size() + 2);
	for (size_t at = text.find("\nLOCATION:  "); at != text.npos; at = text.find("\nLOCATION:  "))
		text.erase(at, text.find('\n', at + 1) - at);
	return text;
}

// connect_timeout, which PQconnectPoll() leaves to its caller.
static Waiter::Time
ConnectDeadline(PGconn *connection)
{
	std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(PQconninfo(connection), PQconninfoFree);
	int seconds = 0;
	for (const PQconninfoOption *option = options.get(); option != nullptr && option->keyword != nullptr; option++) {
		if (option->val != nullptr && std::string_view(option->keyword) == "connect_timeout") {
			std::string_view text = option->val;
			std::from_chars(text.data(), text.data() + text.size(), seconds);
		}
	}
	if (seconds <= 0)
		return Waiter::Time::max();
	return Waiter::Clock::now() + std::chrono::seconds(seconds);
}

Connection::Connection(const Target &target, Kind kind, Waiter &waiter)
	: raw_(Start(target, kind))
	, waiter_(waiter)
{
	if (!raw_)
		throw std::bad_alloc();
	PQsetNoticeProcessor(raw_.get(), SayNotice, nullptr);
	PQsetErrorVerbosity(raw_.get(), PQERRORS_VERBOSE);
	try {
		AwaitConnected();
	} catch (const Failure &failure) {
		if (kind != Kind::kReplication)
			throw;
		throw WithRightsHint(failure, "ALTER ROLE " + Identifier(User()) +
										  " REPLICATION; and the role must have CONNECT on the database.");
	}
	PQsetErrorVerbosity(raw_.get(), PQERRORS_DEFAULT);
	PQsetnonblocking(raw_.get(), 1);
	// Nobody's schema comes between us and the catalogs.
	Query("SELECT pg_catalog.set_config('search_path', '', false)");
}

void
Connection::AwaitConnected()
{
	Waiter::Time deadline = ConnectDeadline(raw_.get());
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;
	if (PQstatus(raw_.get()) == CONNECTION_BAD)
		ThrowNotConnected();
	while (state != PGRES_POLLING_OK) {
		pollfd socket = {.fd = PQsocket(raw_.get()), .events = POLLOUT, .revents = 0};
		if (state == PGRES_POLLING_READING)
			socket.events = POLLIN;
		waiter_.Wait({&socket, 1}, deadline);
		if (waiter_.Stops() > 0)
			throw Stopped();
		if (socket.revents != 0)
			state = PQconnectPoll(raw_.get());
		else if (Waiter::Clock::now() >= deadline)
			throw Failure(ExitCode::kConnection, "no connection to the server: timeout expired", {}, true);
		if (state == PGRES_POLLING_FAILED)
			ThrowNotConnected();
	}
}

void
Connection::ThrowNotConnected() const
{
	std::string message = PQerrorMessage(raw_.get());
	std::string sqlstate = SqlStateIn(message);
	bool may_pass = sqlstate.empty() ? PQconnectionNeedsPassword(raw_.get()) == 0 : MayPass(sqlstate);
	ExitCode code = sqlstate == kInsufficientPrivilege ? ExitCode::kRefused : ExitCode::kConnection;
	throw Failure(code, WithoutVerbosity(message, sqlstate), sqlstate, may_pass);
}

Failure
Connection::FailureOf(const PGresult *result) const
{
	auto field = [result](int which) {
		const char *text = result != nullptr ? PQresultErrorField(result, which) : nullptr;
		return std::string(text != nullptr ? text : "");
	};
	bool lost = PQstatus(raw_.get()) == CONNECTION_BAD;
	std::string sqlstate = field(PG_DIAG_SQLSTATE);
	std::string message = field(PG_DIAG_MESSAGE_PRIMARY);
	if (message.empty())
		message = PQerrorMessage(raw_.get());
	if (std::string detail = field(PG_DIAG_MESSAGE_DETAIL); !detail.empty())
		message += "\nDETAIL:  " + detail;
	if (std::string hint = field(PG_DIAG_MESSAGE_HINT); !hint.empty())
		message += "\nHINT:  " + hint;
	bool may_pass = sqlstate.empty() ? lost : MayPass(sqlstate);
	return Failure(lost ? ExitCode::kConnection : ExitCode::kRefused, message, sqlstate, may_pass);
}

void
Connection::Wait(short events, Waiter::Time deadline)
{
	pollfd socket = {.fd = PQsocket(raw_.get()), .events = events, .revents = 0};
	waiter_.Wait({&socket, 1}, deadline);
	if (waiter_.Stops() > 0)
		throw Stopped();
	if ((socket.revents & ~POLLOUT) != 0 && PQconsumeInput(raw_.get()) == 0)
		throw FailureOf(nullptr);
}

Result
Connection::Query(const std::string &statement)
{
	try {
		Send(statement);
		return Receive();
	} catch (const Stopped &) {
		// Making a slot waits for the transactions that are open; it would go on, and leave a slot, after we are gone.
		Cancel();
		throw;
	}
}

void
Connection::Send(const std::string &statement)
{
	if (PQsendQuery(raw_.get(), statement.c_str()) == 0)
		throw FailureOf(nullptr);
	int left = PQflush(raw_.get());
	for (; left > 0; left = PQflush(raw_.get()))
		Wait(POLLIN | POLLOUT);
	if (left < 0)
		throw FailureOf(nullptr);
}

Result
Connection::Receive()
{
	Result last(nullptr);
	for (;;) {
		while (PQisBusy(raw_.get()) != 0)
			Wait(POLLIN);
		Result next(PQgetResult(raw_.get()));
		if (next.Raw() == nullptr)
			break;
		last = std::move(next);
		if (PQresultStatus(last.Raw()) == PGRES_COPY_BOTH)
			break;
	}
	ExecStatusType status = PQresultStatus(last.Raw());
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_COPY_BOTH)
		throw FailureOf(last.Raw());
	return last;
}

void
Connection::Cancel()
{
	std::unique_ptr<PGcancel, decltype(&PQfreeCancel)> cancel(PQgetCancel(raw_.get()), PQfreeCancel);
	char error[256];
	if (cancel)
		PQcancel(cancel.get(), error, sizeof(error));
}

// What libpq has quoted.
std::string
Connection::Take(char *quoted)
{
	std::unique_ptr<char, decltype(&PQfreemem)> owner(quoted, PQfreemem);
	if (!owner)
		throw FailureOf(nullptr);
	return owner.get();
}

std::string
Connection::Literal(std::string_view text)
{
	return Take(PQescapeLiteral(raw_.get(), text.data(), text.size()));
}

std::string
Connection::Identifier(std::string_view text)
{
	return Take(PQescapeIdentifier(raw_.get(), text.data(), text.size()));
}

} // namespace txsync::client
