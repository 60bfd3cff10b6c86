// The procedure: compaction when somebody asks for it.

#include "api/compaction.h"
#include "api/settings.h"
#include "pg/call.h"
#include "pg/entry.h"

extern "C" {
#include "funcapi.h"
#include "nodes/parsenodes.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
}

namespace txsync::api {

namespace {

// A procedure gets the interval as null where the setting says it.
TimestampTz
HorizonOf(FunctionCallInfo fcinfo)
{
	TimestampTz now = GetCurrentTimestamp();
	if (PG_ARGISNULL(0))
		return now - int64_t{CompactionHorizonSeconds()} * USECS_PER_SEC;
	TimestampTz horizon = pg::Call([&] {
		return DatumGetTimestampTz(
			DirectFunctionCall2(timestamptz_mi_interval, TimestampTzGetDatum(now), PG_GETARG_DATUM(0)));
	});
	if (horizon > now)
		throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, "older_than must not be negative"};
	return horizon;
}

void
RequireTurns(FunctionCallInfo fcinfo)
{
	auto *context = reinterpret_cast<CallContext *>(fcinfo->context);
	if (context == nullptr || !IsA(context, CallContext) || context->atomic)
		throw pg::Failure{ERRCODE_INVALID_TRANSACTION_TERMINATION,
						  "compact_changelog() cannot run inside a transaction block",
						  "It commits after every some hundred rows."};
	pg::Call([] { PreventCommandIfReadOnly("compact_changelog()"); });
}

Datum
Row(FunctionCallInfo fcinfo, const std::string &json)
{
	return pg::Call([&] {
		TupleDesc desc;
		if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		Datum value = DirectFunctionCall1(jsonb_in, CStringGetDatum(json.c_str()));
		bool null = false;
		return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), &value, &null));
	});
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(compact_changelog);

PGDLLEXPORT Datum
compact_changelog(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] {
		RequireTurns(fcinfo);
		return Row(fcinfo, Told(CompactChangelog(HorizonOf(fcinfo), [] { return true; })));
	});
}

} // extern "C"

} // namespace txsync::api
