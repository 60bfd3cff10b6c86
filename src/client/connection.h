#pragma once
// A connection to PostgreSQL that a signal can interrupt, for SQL or for the replication protocol.

#include "client/failure.h"
#include "client/waiter.h"

#include <libpq-fe.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace txsync::client {

// Where to connect, as psql takes it; what is missing comes from PG* variables and libpq's defaults.
struct Target
{
	std::optional<std::string> database; // a name, a conninfo string or a URI; the latter two win over the others here
	std::optional<std::string> host;
	std::optional<std::string> port;
	std::optional<std::string> user;
};

class Result
{
public:
	explicit Result(PGresult *result)
		: result_(result)
	{}

	int
	Rows() const
	{
		return PQntuples(result_.get());
	}

	bool
	IsNull(int row, int column) const
	{
		return PQgetisnull(result_.get(), row, column) != 0;
	}

	// Empty for null.
	std::string_view
	Get(int row, int column) const
	{
		return {PQgetvalue(result_.get(), row, column), static_cast<size_t>(PQgetlength(result_.get(), row, column))};
	}

	const PGresult *
	Raw() const
	{
		return result_.get();
	}

private:
	struct Clear
	{
		void
		operator()(PGresult *result) const
		{
			PQclear(result);
		}
	};
	std::unique_ptr<PGresult, Clear> result_;
};

class Connection
{
public:
	enum class Kind
	{
		kSql,
		kReplication
	};

	// Throws Failure or Stopped.
	Connection(const Target &target, Kind kind, Waiter &waiter);

	// Runs one statement or replication command; a stream that it opens is left open. A signal cancels it.
	// Throws Failure with what the server said, or Stopped.
	Result Query(const std::string &statement);

	// `text` as an SQL literal.
	std::string Literal(std::string_view text);

	// `text` as a quoted identifier.
	std::string Identifier(std::string_view text);

	std::string
	Database() const
	{
		return PQdb(raw_.get());
	}

	std::string
	User() const
	{
		const char *user = PQuser(raw_.get());
		return user != nullptr ? user : "";
	}

	PGconn *
	Raw() const
	{
		return raw_.get();
	}

	// The failure that `result`, or without one the connection itself, tells of.
	Failure FailureOf(const PGresult *result) const;

	// Waits until the socket is ready for `events` and takes in what came. Throws Stopped and Failure.
	void Wait(short events, Waiter::Time deadline = Waiter::Time::max());

private:
	struct Finish
	{
		void
		operator()(PGconn *connection) const
		{
			PQfinish(connection);
		}
	};

	std::string Take(char *quoted);
	void AwaitConnected();
	[[noreturn]] void ThrowNotConnected() const;
	void Send(const std::string &statement);
	Result Receive();
	void Cancel();

	std::unique_ptr<PGconn, Finish> raw_;
	Waiter &waiter_;
};

} // namespace txsync::client
