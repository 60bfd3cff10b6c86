#pragma once
// The replication protocol: what goes over the wire between START_REPLICATION and the end of the stream.

#include "client/connection.h"
#include "client/lsn.h"
#include "client/plugin_option.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace txsync::client {

// What the server needs to know of where we are.
struct Progress
{
	Lsn written = 0; // everything that committed up to here was handed to the output
	Lsn safe = 0;    // everything up to here is confirmed: the slot need not keep it
};

struct Message
{
	// One or more lines, each ended by a line feed; empty for a keepalive. Valid until the next call of Next().
	std::string_view lines;
	// Everything that the server has sent up to and with this message is about commits before this LSN.
	Lsn lsn = 0;
	bool reply_wanted = false;
};

class Stream
{
public:
	// Starts streaming from the slot: after `from`, or what was confirmed if that is further. Throws Failure.
	Stream(Connection &connection, const std::string &slot, Lsn from, const std::vector<PluginOption> &options);

	// The next message that has come, or nothing. Never waits. Throws Failure at the end of the stream.
	std::optional<Message> Next();

	// Tells the server where we are. Never waits: what the socket does not take goes out with Flush().
	void Report(const Progress &progress);

	// Whether something could still not be sent.
	bool Flush();

	// Takes in what came, for Next().
	void TakeIn();

	int
	Socket() const
	{
		return PQsocket(connection_.Raw());
	}

	// Says that no more is wanted and waits until the server has answered: whatever was reported before counts then.
	// What still comes is dropped. False if the deadline passed or a second signal came first.
	bool Finish(Waiter &waiter, Waiter::Time deadline);

private:
	struct Free
	{
		void
		operator()(char *bytes) const
		{
			PQfreemem(bytes);
		}
	};

	Message Parse(int size);

	Connection &connection_;
	std::unique_ptr<char, Free> buffer_;
	Lsn confirmed_ = 0; // has been told to the server
};

} // namespace txsync::client
