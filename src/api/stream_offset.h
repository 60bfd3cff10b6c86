#pragma once

#include "api/target.h"
#include "core/op.h"

namespace txsync::api {

// Fails with STREAM_BEHIND if the op says how far its client has read the changelog, and too many activities of the
// entity's organization came after that.
void RequireStreamOffset(Target &target, const core::Op &op);

} // namespace txsync::api
