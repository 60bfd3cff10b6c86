#pragma once
// What the server knows of a replication slot, and whether it is one that we may follow.

#include "client/connection.h"
#include "client/lsn.h"

#include <optional>
#include <string>

namespace txsync::client {

// Creates a logical slot for our plugin that starts now. Throws Failure.
void CreateSlot(Connection &connection, const std::string &name, bool temporary);

// Throws Failure.
void DropSlot(Connection &connection, const std::string &name);

// Up to where the slot was confirmed; nothing if there is no such slot.
// Throws Failure (kOtherPlugin) if it is a physical one or another plugin's.
std::optional<Lsn> FindSlot(Connection &connection, const std::string &name);

// `text` in `quote`s for the replication grammar, which knows no escape but the doubled quote.
std::string QuoteForReplication(std::string_view text, char quote);

} // namespace txsync::client
