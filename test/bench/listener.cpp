// listener CONNINFO: listens for the changelog's notifications until one comes on txsync_bench_stop. Says "ready" when
// it listens, then a line for each one: the microseconds since the change's commit, or "missed" for one that only tells
// that there were some.

#include <libpq-fe.h>
#include <poll.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>

namespace {

using Notification = std::unique_ptr<PGnotify, decltype(&PQfreemem)>;

double
Now()
{
	return std::chrono::duration<double, std::micro>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// False if the payload has no such time.
bool
ReadCommittedAt(const char *payload, double &microseconds)
{
	std::tm time = {};
	double seconds = 0;
	const char *member = std::strstr(payload, "\"committedAt\":\"");
	if (member == nullptr || std::sscanf(member + 15, "%4d-%2d-%2dT%2d:%2d:%lfZ", &time.tm_year, &time.tm_mon,
										 &time.tm_mday, &time.tm_hour, &time.tm_min, &seconds) != 6)
		return false;
	time.tm_year -= 1900;
	time.tm_mon -= 1;
	microseconds = (static_cast<double>(timegm(&time)) + seconds) * 1e6;
	return true;
}

bool
Listen(PGconn *connection)
{
	std::unique_ptr<PGresult, decltype(&PQclear)> result(
		PQexec(connection, "LISTEN txsync_activities; LISTEN txsync_bench_stop"), PQclear);
	return PQresultStatus(result.get()) == PGRES_COMMAND_OK;
}

// Writes what has come; false at the one that ends it.
bool
Tell(PGconn *connection)
{
	double now = Now();
	while (Notification told{PQnotifies(connection), PQfreemem}) {
		double committed = 0;
		if (std::strcmp(told->relname, "txsync_bench_stop") == 0)
			return false;
		if (ReadCommittedAt(told->extra, committed))
			std::printf("%.0f\n", now - committed);
		else
			std::puts(std::strstr(told->extra, "\"missed\":true") != nullptr ? "missed" : told->extra);
	}
	return true;
}

} // namespace

int
main(int count, char **arguments)
{
	std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(count == 2 ? arguments[1] : ""), PQfinish);
	if (count != 2 || PQstatus(connection.get()) != CONNECTION_OK || !Listen(connection.get())) {
		std::fprintf(stderr, "listener: %s",
					 count == 2 ? PQerrorMessage(connection.get()) : "usage: listener CONNINFO\n");
		return 1;
	}
	std::puts("ready");
	std::fflush(stdout);
	while (Tell(connection.get())) {
		pollfd readable = {PQsocket(connection.get()), POLLIN, 0};
		poll(&readable, 1, -1);
		if (PQconsumeInput(connection.get()) == 0) {
			std::fprintf(stderr, "listener: %s", PQerrorMessage(connection.get()));
			return 1;
		}
	}
	return 0;
}
