#pragma once
// All that is tracked in this database.

#include "core/tracking.h"
#include "pg/server.h"

#include <optional>

namespace txsync::api {

// The table that is tracked under an entity type, as committed or done by this transaction up to now, whatever its
// snapshot; InvalidOid if there is none.
Oid RelationOf(std::string_view entity_type);

// Makes whoever else changes what is tracked wait until this transaction ends.
void LockRegistry();

} // namespace txsync::api
