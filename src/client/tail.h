#pragma once
// `txsync tail`: follows a slot and writes its changes as JSON Lines.

#include "client/connection.h"
#include "client/stream.h"

#include <optional>
#include <string>
#include <vector>

namespace txsync::client {

struct TailOptions
{
	Target target;
	std::optional<std::string> slot; // without one: a temporary slot from now
	bool create = false;             // make the slot if it is missing
	bool pretty = false;
	std::vector<PluginOption> plugin_options;
	Waiter::Clock::duration status_interval = std::chrono::seconds(1);
};

// Streams until a signal asks to stop; takes the signals over. Throws Failure.
void Tail(const TailOptions &options, Waiter &waiter);

} // namespace txsync::client
