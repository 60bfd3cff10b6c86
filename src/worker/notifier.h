#pragma once
// What those who listen are told of one changelog transaction.

#include "core/activity.h"

namespace txsync::worker {

// A queue that is nearly full would fail the transaction that notifies: then nobody is told, which is made up for
// later.
bool NotifyQueueHasRoom();

// Beyond this activity there is news that nobody was told one by one.
void NotifyMissed(const char *channel, int64_t id);

// Each of them, in the one shape; its data, and then all but its id, stay away where a notification has no room.
class Notifier
{
public:
	explicit Notifier(const char *channel)
		: channel_(channel)
	{}

	void Tell(const core::Activity &activity, int64_t id);

private:
	bool Fits(const core::Activity &activity, int64_t id, bool with_data);

	const char *channel_;
	core::Buffer payload_;
};

} // namespace txsync::worker
