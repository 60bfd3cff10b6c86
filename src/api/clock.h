#pragma once
// The hybrid logical clock: one for the server where the library is preloaded, else one per backend. Its times rise
// over crash, restart, promotion and a wall clock that steps back.

#include "api/settings.h"
#include "core/hlc.h"
#include "core/stamp.h"

namespace txsync::api {

// From _PG_init, preloaded or not.
void ReserveClock();

// Above all times that it gave before. Throws pg::Failure (25006) during recovery.
core::Stamp ClockNext();

// What the next time will be above, or the wall clock if that is later: for comparisons, since it may be given often.
core::Stamp ClockCurrent();

// The time in an id, or the clock's next where it tells none.
core::Stamp TimeOf(std::string_view transaction_id);

// Up to when a stamp may be.
core::Stamp StampCeiling();

// From here on the clock is above a time from elsewhere. Throws pg::Failure: CLOCK_SKEW if that is further ahead of the
// wall clock than the setting allows; 25006 during recovery.
void ClockObserve(const core::Hlc &hlc);

// This server's node, at most 40 bytes: of the system identifier and the timeline, and of the backend where that has a
// clock of its own. The text stays where it is. Throws pg::Failure (25006) during recovery, which may end in another
// timeline.
std::string_view ClockNode();

// A transactionId of the server's own.
std::string ServerId();

} // namespace txsync::api
