#pragma once
// All that is tracked in this database.

#include "core/tracking.h"
#include "pg/server.h"

#include <optional>

namespace txsync::api {

struct Tracked
{
	Oid relation;
	core::Tracking tracking;
};

// What is tracked under an entity type, as committed or done by this transaction up to now, whatever its snapshot.
std::optional<Tracked> TrackedAs(std::string_view entity_type);

// Makes whoever else changes what is tracked wait until this transaction ends.
void LockRegistry();

} // namespace txsync::api
