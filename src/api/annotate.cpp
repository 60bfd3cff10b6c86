// annotate(): a note of the application on all that its transaction changes from here on.

#include "api/arguments.h"
#include "core/jsonb.h"
#include "core/message.h"
#include "pg/compat.h"
#include "pg/entry.h"

extern "C" {
#include "utils/builtins.h"
#include "utils/jsonb.h"
}

namespace txsync::api {

namespace {

void
Annotate(FunctionCallInfo fcinfo)
{
	Require(fcinfo, 0, "annotation");
	core::JsonbContainer object(JsonbArgument(fcinfo, 0));
	if (!object.IsObject())
		throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, "an annotation must be an object"};
	std::string_view text =
		pg::Call([&] { return std::string_view(DatumGetCString(DirectFunctionCall1(jsonb_out, PG_GETARG_DATUM(0)))); });
	if (text.size() > core::Annotate::kMaxBytes)
		throw pg::Failure{ERRCODE_PROGRAM_LIMIT_EXCEEDED,
						  "the annotation has " + std::to_string(text.size()) + " bytes",
						  "At most " + std::to_string(core::Annotate::kMaxBytes) + " are allowed."};
	core::Buffer message;
	core::Write(message, core::Annotate{object.Count() > 0 ? text : std::string_view("")});
	pg::Call([&] { pg::LogTransactionalMessage(core::kMessagePrefix, message.View()); });
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(annotate);

PGDLLEXPORT Datum
annotate(PG_FUNCTION_ARGS)
{
	pg::Entry([&] { Annotate(fcinfo); });
	PG_RETURN_VOID();
}

} // extern "C"

} // namespace txsync::api
