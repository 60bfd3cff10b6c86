#pragma once
// Ops as one mutation: its id claimed, its ops applied as the caller, each judged by what the server knows.

#include "api/json_object.h"
#include "api/target.h"
#include "core/op.h"

#include <span>

namespace txsync::api {

// What came of an op that was done. Memory of the current context.
struct Outcome
{
	enum class Status : uint8_t
	{
		kApplied,
		kDuplicate,  // it was applied before
		kSuperseded, // a newer write has its field
	};

	Status status = Status::kApplied;
	std::optional<Datum> entity;    // jsonb, as the caller may read it now
	JsonbValue *versions = nullptr; // of an entity that is there
	JsonbValue *inverse = nullptr;  // the op that undoes it
};

// `ops` have one transactionId, `outcomes` a place for each. Fails for the first that cannot be applied, which is then
// ops[at]; what was done up to there must not stay. Fails also as BeginMutation() does.
// `checks_deferred`: also for deferred constraints, once all ops are done. What was declared before is declared behind
// it.
void Perform(std::span<const core::Op> ops, std::span<Outcome> outcomes, size_t &at, bool checks_deferred);

} // namespace txsync::api
