#pragma once
// Where the lines go: standard output, be it a file, a pipe or a terminal.

#include "client/waiter.h"

#include <functional>
#include <string_view>

namespace txsync::client {

class Output
{
public:
	// Looks what fd is. If it is a file that ends in the middle of a line (a run before was killed there), ends that
	// line, lest the first one of ours is glued to it.
	Output(int fd, Waiter &waiter);

	// Writes everything. While the reader is slow it calls `meanwhile` every `pause`. Throws Failure if nobody will
	// read it, or if a second signal came.
	void Write(std::string_view text, Waiter::Clock::duration pause, const std::function<void()> &meanwhile);

	// Returns when all that was written to a file is on disk; for others it does nothing. Throws Failure.
	void Sync();

	// To be waited for: it becomes ready when the reader has left.
	pollfd
	Watch() const
	{
		return {.fd = is_file_ ? -1 : fd_, .events = 0, .revents = 0};
	}

	// Throws Failure if the reader has left.
	static void Check(const pollfd &watched);

private:
	bool EndsInALine() const;
	size_t WriteSome(std::string_view text);
	bool HasRoom(Waiter::Time deadline);

	int fd_;
	bool is_file_ = false;
	bool dirty_ = false;
	Waiter &waiter_;
};

} // namespace txsync::client
