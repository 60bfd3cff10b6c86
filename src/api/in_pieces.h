#pragma once
// Procedures that go through a tracked table in pieces, each in a transaction of its own.

#include "api/entity.h"

namespace txsync::api {

// The table, if the caller owns it and it is tracked, and its transaction is one that `procedure` can end and begin
// again; else throws pg::Failure with what mends it.
std::shared_ptr<const Entity> EntityInPieces(Oid relation, const char *procedure);

} // namespace txsync::api
