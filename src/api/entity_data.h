#pragma once
// What is told of one entity with the answer to a mutation.

#include "api/entity.h"

namespace txsync::api {

// The row as the caller may read it now: jsonb, without tx, versions and hidden columns; nothing if there is none.
std::optional<Datum> ReadData(const Entity &entity, std::string_view entity_id);

// The same as ReadData, in a subtransaction: nothing also where the caller, or anybody, cannot read it.
std::optional<Datum> TryReadData(std::string_view entity_type, std::string_view entity_id);

} // namespace txsync::api
