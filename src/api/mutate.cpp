// mutate(): one op, or an error.

#include "api/apply.h"
#include "api/arguments.h"
#include "api/errors.h"
#include "api/json_object.h"
#include "api/mutation.h"
#include "api/perform.h"
#include "pg/entry.h"

namespace txsync::api {

namespace {

Datum
Result(const core::Op &op, const Outcome &outcome)
{
	JsonObject result;
	if (outcome.entity)
		result.Json("data", *outcome.entity);
	else
		result.Null("data");
	result.Json("tx", ToDatum(op.tx));
	if (outcome.versions != nullptr)
		result.Json("versions", outcome.versions);
	else
		result.Null("versions");
	if (outcome.status == Outcome::Status::kDuplicate)
		result.Bool("duplicate", true);
	if (outcome.status == Outcome::Status::kSuperseded)
		result.Bool("superseded", true);
	return ToDatum(result.End());
}

Datum
Mutate(FunctionCallInfo fcinfo)
{
	Require(fcinfo, 0, "op");
	core::JsonbContainer object(JsonbArgument(fcinfo, 0));
	if (!object.IsObject())
		throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, "an op must be an object"};
	core::Op op;
	if (std::optional<core::OpDefect> defect = core::ReadOp(object, op))
		throw InvalidOp(*defect);
	Outcome outcome;
	size_t at = 0;
	Perform({&op, 1}, {&outcome, 1}, at, HoldsDeferred());
	return Result(op, outcome);
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(mutate);

PGDLLEXPORT Datum
mutate(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return Mutate(fcinfo); });
}

} // extern "C"

} // namespace txsync::api
