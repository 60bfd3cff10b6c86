#pragma once
// Tracking as the catalog keeps it: a row trigger on the table.

#include "core/tracking.h"
#include "pg/server.h"

#include <optional>

extern "C" {
#include "utils/rel.h"
}

namespace txsync::api {

// The tracking of a table, if it has one of its own (a partition has its root's).
std::optional<core::Tracking> TrackingOf(Relation relation);

// Gives the table its row trigger, or another one. Acts as the extension's owner: whoever may not create triggers with
// our function by hand can still be entitled to have his table tracked.
void Attach(Oid relation, const core::Tracking &tracking);

void Detach(Oid relation);

// The role that owns the extension.
Oid ExtensionOwner();

// A table of the extension, InvalidOid if there is none of that name.
Oid OwnTable(const char *name);

} // namespace txsync::api
