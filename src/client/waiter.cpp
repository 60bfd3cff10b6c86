#include "client/waiter.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <sys/signalfd.h>
#include <system_error>
#include <unistd.h>

namespace txsync::client {

static constexpr size_t kMostFds = 3;

[[noreturn]] static void
ThrowErrno(const char *what)
{
	throw std::system_error(errno, std::generic_category(), what);
}

static bool
IsIgnored(int signal)
{
	struct sigaction action = {};
	return sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

Waiter::~Waiter()
{
	if (signal_fd_ >= 0)
		close(signal_fd_);
}

void
Waiter::TakeSignals()
{
	std::signal(SIGPIPE, SIG_IGN);

	sigset_t taken;
	sigemptyset(&taken);
	for (int signal : {SIGINT, SIGTERM})
		if (!IsIgnored(signal)) // a blocked signal would reach us in spite of SIG_IGN
			sigaddset(&taken, signal);

	// Blocked signals wait in the kernel until the descriptor is read: none can slip in between a look and a sleep.
	if (sigprocmask(SIG_BLOCK, &taken, nullptr) != 0)
		ThrowErrno("sigprocmask");
	signal_fd_ = signalfd(-1, &taken, SFD_NONBLOCK | SFD_CLOEXEC);
	if (signal_fd_ < 0)
		ThrowErrno("signalfd");
}

void
Waiter::CountSignals()
{
	signalfd_siginfo info = {};
	while (read(signal_fd_, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info)))
		stops_++;
}

// In milliseconds, as poll() takes it; rounded up, for rounding down would spin through the last one.
static int
TimeoutUntil(Waiter::Time deadline)
{
	if (deadline == Waiter::Time::max())
		return -1;
	auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Waiter::Clock::now()).count();
	return static_cast<int>(std::clamp<decltype(left)>(left, 0, INT_MAX));
}

void
Waiter::Wait(std::span<pollfd> fds, Time deadline)
{
	std::array<pollfd, kMostFds + 1> all = {};
	size_t count = std::min(fds.size(), kMostFds);
	std::copy_n(fds.begin(), count, all.begin());
	all[count] = {.fd = signal_fd_, .events = POLLIN, .revents = 0};

	if (poll(all.data(), count + 1, TimeoutUntil(deadline)) < 0) {
		if (errno != EINTR)
			ThrowErrno("poll");
		return;
	}
	for (size_t i = 0; i < count; i++)
		fds[i].revents = all[i].revents;
	if (all[count].revents != 0)
		CountSignals();
}

} // namespace txsync::client
