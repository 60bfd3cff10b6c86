#include "client/stream.h"

#include "client/slot.h"

#include <chrono>

namespace txsync::client {

static constexpr int kDataHeader = 1 + 8 + 8 + 8; // 'w', start, end of WAL, time
static constexpr int kKeepalive = 1 + 8 + 8 + 1;  // 'k', end of WAL, time, reply wanted

static Lsn
ReadLsn(const char *bytes)
{
	Lsn lsn = 0;
	for (int i = 0; i < 8; i++)
		lsn = lsn << 8 | static_cast<unsigned char>(bytes[i]);
	return lsn;
}

static void
Append(std::string &out, uint64_t value)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		out += static_cast<char>(value >> shift);
}

// Microseconds since 2000, PostgreSQL's epoch.
static uint64_t
PostgresNow()
{
	constexpr std::chrono::seconds kEpoch(946'684'800);
	auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
	return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(since_1970 - kEpoch).count());
}

Stream::Stream(Connection &connection, const std::string &slot, Lsn from, const std::vector<PluginOption> &options)
	: connection_(connection)
{
	std::string list;
	for (const auto &[name, value] : options) {
		list += (list.empty() ? " (" : ", ") + QuoteForReplication(name, '"');
		if (value)
			list += " " + QuoteForReplication(*value, '\'');
	}
	if (!list.empty())
		list += ")";
	connection.Query("START_REPLICATION SLOT " + QuoteForReplication(slot, '"') + " LOGICAL " + FormatLsn(from) + list);
}

std::optional<Message>
Stream::Next()
{
	char *bytes = nullptr;
	int size = PQgetCopyData(connection_.Raw(), &bytes, 1);
	buffer_.reset(bytes);
	if (size > 0)
		return Parse(size);
	if (size == 0)
		return std::nullopt;
	if (size == -2)
		throw connection_.FailureOf(nullptr);

	// The server ended the stream: with an error, or because it is shut down.
	Result result(PQgetResult(connection_.Raw()));
	if (PQresultStatus(result.Raw()) == PGRES_FATAL_ERROR)
		throw connection_.FailureOf(result.Raw());
	throw Failure(ExitCode::kConnection, "the server ended the stream", {}, true);
}

Message
Stream::Parse(int size)
{
	char *bytes = buffer_.get();
	if (bytes[0] == 'k' && size >= kKeepalive)
		return {.lines = {}, .lsn = ReadLsn(bytes + 1), .reply_wanted = bytes[kKeepalive - 1] != 0};
	if (bytes[0] != 'w' || size < kDataHeader)
		throw Failure(ExitCode::kOther, "the server sent a message that is not of the replication protocol");

	// libpq ends its copies with a null byte that is ours to use: the last line gets its line feed without a copy.
	if (size > kDataHeader)
		bytes[size++] = '\n';
	return {.lines = {bytes + kDataHeader, static_cast<size_t>(size - kDataHeader)}, .lsn = ReadLsn(bytes + 1)};
}

void
Stream::Report(const Progress &progress)
{
	// A server that shuts down waits until all is safe, or, where we say nothing of that, until all is written. What
	// an undecided PREPARE keeps from being safe would make it wait for ever.
	bool is_news = progress.safe > confirmed_ || progress.safe == progress.written;
	confirmed_ = progress.safe;
	std::string status = "r";
	Append(status, progress.written);
	Append(status, is_news ? progress.safe : 0);
	Append(status, 0); // applied: nobody applies here
	Append(status, PostgresNow());
	status += '\0'; // no answer wanted
	if (PQputCopyData(connection_.Raw(), status.data(), static_cast<int>(status.size())) < 0)
		throw connection_.FailureOf(nullptr);
	Flush();
}

bool
Stream::Flush()
{
	int left = PQflush(connection_.Raw());
	if (left < 0)
		throw connection_.FailureOf(nullptr);
	return left > 0;
}

void
Stream::TakeIn()
{
	if (PQconsumeInput(connection_.Raw()) == 0)
		throw connection_.FailureOf(nullptr);
}

bool
Stream::Finish(Waiter &waiter, Waiter::Time deadline)
{
	if (PQputCopyEnd(connection_.Raw(), nullptr) < 0)
		throw connection_.FailureOf(nullptr);
	while (Waiter::Clock::now() < deadline && waiter.Stops() < 2) {
		char *bytes = nullptr;
		int size = PQgetCopyData(connection_.Raw(), &bytes, 1);
		buffer_.reset(bytes);
		if (size == -2)
			throw connection_.FailureOf(nullptr);
		if (size == -1)
			return true;
		if (size > 0)
			continue;
		pollfd socket = {.fd = Socket(), .events = POLLIN, .revents = 0};
		if (Flush())
			socket.events |= POLLOUT;
		waiter.Wait({&socket, 1}, deadline);
		if ((socket.revents & ~POLLOUT) != 0)
			TakeIn();
	}
	return false;
}

} // namespace txsync::client
