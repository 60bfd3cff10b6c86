// worker CONNINFO GIVE ACK: one worker of a queue. Runs GIVE, whose rows have an id and what else is told, then ACK with
// the ids as $1, until there are none. Says how many rows it had, and the seconds that they took.

#include <libpq-fe.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

Result
Check(const Connection &connection, PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	Result checked(result, PQclear);
	if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
		throw std::runtime_error(PQerrorMessage(connection.get()));
	return checked;
}

std::string
IdsOf(const Result &rows)
{
	std::string ids = "{";
	for (int row = 0; row < PQntuples(rows.get()); row++)
		ids.append(row > 0 ? "," : "").append(PQgetvalue(rows.get(), row, 0));
	return ids + '}';
}

void
Work(const Connection &connection, const char *give, const char *ack)
{
	Check(connection, PQprepare(connection.get(), "give", give, 0, nullptr));
	Check(connection, PQprepare(connection.get(), "ack", ack, 1, nullptr));
	auto begin = std::chrono::steady_clock::now();
	long records = 0;
	for (;;) {
		Result rows = Check(connection, PQexecPrepared(connection.get(), "give", 0, nullptr, nullptr, nullptr, 0));
		if (PQntuples(rows.get()) == 0)
			break;
		records += PQntuples(rows.get());
		std::string ids = IdsOf(rows);
		const char *parameters[] = {ids.c_str()};
		Check(connection, PQexecPrepared(connection.get(), "ack", 1, parameters, nullptr, nullptr, 0));
	}
	std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
	std::printf("%ld %.6f\n", records, taken.count());
}

} // namespace

int
main(int count, char **arguments)
{
	try {
		if (count != 4)
			throw std::runtime_error("usage: worker CONNINFO GIVE ACK\n");
		Connection connection(PQconnectdb(arguments[1]), PQfinish);
		if (PQstatus(connection.get()) != CONNECTION_OK)
			throw std::runtime_error(PQerrorMessage(connection.get()));
		Work(connection, arguments[2], arguments[3]);
	} catch (const std::exception &error) {
		std::fprintf(stderr, "worker: %s", error.what());
		return 1;
	}
	return 0;
}
