#pragma once
// Trying again what somebody is in the way of.

#include "api/turns.h"
#include "pg/call.h"

extern "C" {
#include "storage/latch.h"
#include "utils/wait_event.h"
}

namespace txsync::api {

constexpr int kAttempts = 20; // a second or two

// Calls f() in turns of their own, with pauses, until it returns something that is true, or `attempts` are over.
template <class F>
auto
Patiently(Turns &turns, int attempts, F &&f) -> decltype(f())
{
	constexpr long kPauseMs = 50;
	for (int attempt = 1;; attempt++) {
		turns.Next();
		auto result = f();
		if (result || attempt >= attempts)
			return result;
		pg::Call([] {
			WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, kPauseMs, PG_WAIT_EXTENSION);
			ResetLatch(MyLatch);
		});
	}
}

} // namespace txsync::api
