#pragma once
// Whether a client knows enough of the changes to write at all.

#include "api/target.h"
#include "core/op.h"

namespace txsync::api {

// Of an entity as it is stored, as far as the caller may read it.
std::optional<std::string> StoredOrganization(Target &target, const core::Op &op);

// Fails with STREAM_BEHIND for a client that is too far behind what the changelog has of the organization. To be asked
// once the op is done: who may not write an entity is not to learn how much its organization changes.
void RequireStreamOffset(const core::Op &op, const std::optional<std::string> &organization);

} // namespace txsync::api
