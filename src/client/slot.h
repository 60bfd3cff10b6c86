#pragma once
// What the server knows of a replication slot, and whether it is one that we may follow.

#include "client/connection.h"
#include "client/lsn.h"
#include "client/plugin_option.h"

#include <optional>
#include <string>
#include <vector>

namespace txsync::client {

struct Slot
{
	Lsn confirmed = 0;
	bool two_phase = false; // it was followed with two-phase=on
};

// Creates a logical slot for our plugin that starts now. Throws Failure.
void CreateSlot(Connection &connection, const std::string &name);

// Another one, for as long as the connection lasts; returns its name. Throws Failure.
std::string CreateTemporarySlot(Connection &connection);

// Throws Failure.
void DropSlot(Connection &connection, const std::string &name);

// Nothing if there is no such slot.
// Throws Failure (kOtherPlugin) if it is a physical one or another plugin's.
std::optional<Slot> FindSlot(Connection &connection, const std::string &name);

// Throws Failure for what tail decides itself: a wrong argument, to be found before there is a connection or a slot.
void RefuseOwnOptions(const std::vector<PluginOption> &wanted);

// What to ask of the plugin, for a user who asks for `wanted`.
std::vector<PluginOption> OptionsFor(const Slot &slot, std::vector<PluginOption> wanted);

// `text` in `quote`s for the replication grammar, which knows no escape but the doubled quote.
std::string QuoteForReplication(std::string_view text, char quote);

} // namespace txsync::client
