#pragma once
// A batch of ops, as clients queue them.

#include "core/jsonb.h"
#include "core/op.h"
#include "pg/error.h"

#include <functional>

namespace txsync::api {

// Whether the deferred constraints hold for what the transaction has written up to now. If not, its end is the
// application's to get right, and no op is to blame.
bool HoldsDeferred();

// INVALID_TX or INVALID_OP.
pg::Failure InvalidOp(const core::OpDefect &defect);

struct ApplyOptions
{
	bool atomic = false;   // all or nothing
	bool deferred = false; // nothing is applied now

	// Why an op is not to be applied, if there is a reason that it does not have itself.
	std::function<std::optional<pg::Failure>(const core::Op &)> refuse = {};
};

// The results, one for each op: a jsonb array. Fails, with nothing applied, if `ops` is not an array of at most
// txsync.max_ops objects, and for errors that are not the ops'. Views `ops`, in memory of the current context.
Datum ApplyOps(const core::JsonbContainer &ops, const ApplyOptions &options);

} // namespace txsync::api
