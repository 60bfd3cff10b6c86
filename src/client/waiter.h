#pragma once
// The one place where the program sleeps: for sockets, for the output, for time, and for the signals that ask to stop.

#include <chrono>
#include <poll.h>
#include <span>

namespace txsync::client {

class Waiter
{
public:
	using Clock = std::chrono::steady_clock;
	using Time = Clock::time_point;

	Waiter() = default;
	~Waiter();
	Waiter(const Waiter &) = delete;
	Waiter &operator=(const Waiter &) = delete;

	// From here on SIGINT and SIGTERM no longer end the program but are counted by Wait(); SIGPIPE becomes EPIPE.
	// What the parent ignores (nohup, a shell's background job) stays ignored. Throws std::system_error.
	void TakeSignals();

	// How many signals have asked to stop, as far as Wait() has seen.
	int
	Stops() const
	{
		return stops_;
	}

	// Returns when one of `fds` (at most 3) is ready, a signal came or the deadline passed; sets revents.
	// It may return early. Throws std::system_error.
	void Wait(std::span<pollfd> fds, Time deadline);

private:
	void CountSignals();

	int signal_fd_ = -1;
	int stops_ = 0;
};

} // namespace txsync::client
