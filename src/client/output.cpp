#include "client/output.h"

#include "client/failure.h"

#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace txsync::client {

// A reader that left is no news for whoever made it leave; everything else is.
static Failure
OutputFailure(int error)
{
	if (error == EPIPE)
		return Failure(ExitCode::kOutput, "");
	return Failure(ExitCode::kOutput, std::string("could not write to the output: ") + std::strerror(error));
}

Output::Output(int fd, Waiter &waiter)
	: fd_(fd)
	, waiter_(waiter)
{
	struct stat status = {};
	is_file_ = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
	if (is_file_ && !EndsInALine())
		WriteSome("\n");
}

bool
Output::EndsInALine() const
{
	bool appends = (fcntl(fd_, F_GETFL) & O_APPEND) != 0;
	off_t end = lseek(fd_, 0, appends ? SEEK_END : SEEK_CUR);
	if (end <= 0)
		return true;
	// `>>` opens for writing only; the same file is opened again to look at its last byte.
	int copy = open(("/proc/self/fd/" + std::to_string(fd_)).c_str(), O_RDONLY | O_CLOEXEC);
	char last = 0;
	bool ends = copy >= 0 && pread(copy, &last, 1, end - 1) == 1 && last == '\n';
	if (copy >= 0)
		close(copy);
	return ends;
}

// How much it took. A pipe that has room takes PIPE_BUF bytes without blocking, so that signals and keepalives get
// their turn; making it non-blocking instead would do so to every process that shares it.
size_t
Output::WriteSome(std::string_view text)
{
	ssize_t taken = write(fd_, text.data(), is_file_ ? text.size() : std::min<size_t>(text.size(), PIPE_BUF));
	if (taken >= 0) {
		dirty_ = is_file_;
		return static_cast<size_t>(taken);
	}
	if (errno == EINTR || errno == EAGAIN)
		return 0;
	throw OutputFailure(errno);
}

bool
Output::HasRoom(Waiter::Time deadline)
{
	pollfd room = {.fd = fd_, .events = POLLOUT, .revents = 0};
	waiter_.Wait({&room, 1}, deadline);
	return room.revents != 0; // an error too: write() will name it
}

void
Output::Write(std::string_view text, Waiter::Clock::duration pause, const std::function<void()> &meanwhile)
{
	Waiter::Time turn = Waiter::Clock::now() + pause;
	while (!text.empty()) {
		if (is_file_ || HasRoom(turn))
			text.remove_prefix(WriteSome(text));
		if (waiter_.Stops() > 1)
			throw Failure(ExitCode::kOutput, "stopped before the reader had taken everything");
		if (Waiter::Clock::now() >= turn) {
			meanwhile();
			turn = Waiter::Clock::now() + pause;
		}
	}
}

void
Output::Sync()
{
	if (dirty_ && fdatasync(fd_) != 0)
		throw OutputFailure(errno);
	dirty_ = false;
}

void
Output::Check(const pollfd &watched)
{
	if ((watched.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
		throw OutputFailure((watched.revents & POLLNVAL) != 0 ? EBADF : EPIPE);
}

} // namespace txsync::client
