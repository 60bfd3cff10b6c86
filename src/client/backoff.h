#pragma once
// How long to wait before the next attempt: longer each time, and never in step with the others who wait.

#include <algorithm>
#include <chrono>
#include <random>

namespace txsync::client {

class Backoff
{
public:
	using Milliseconds = std::chrono::milliseconds;

	static constexpr Milliseconds kLeast{100};
	static constexpr Milliseconds kMost{30'000};

	Milliseconds
	Next()
	{
		std::uniform_int_distribution<Milliseconds::rep> between(kLeast.count(), ceiling_.count());
		Milliseconds pause(between(random_));
		ceiling_ = std::min(ceiling_ * 2, kMost);
		return pause;
	}

	void
	Reset()
	{
		ceiling_ = kFirst;
	}

private:
	static constexpr Milliseconds kFirst{200};

	Milliseconds ceiling_ = kFirst;
	std::minstd_rand random_{std::random_device{}()};
};

} // namespace txsync::client
