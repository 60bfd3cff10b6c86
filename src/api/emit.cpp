// emit(): an event of the application, told with what its transaction writes.

#include "api/arguments.h"
#include "api/author.h"
#include "api/sealed_message.h"
#include "pg/entry.h"
#include "pg/error.h"

extern "C" {
#include "utils/builtins.h"
#include "utils/jsonb.h"
}

namespace txsync::api {

namespace {

using pg::Failure;

std::string_view
PayloadOf(FunctionCallInfo fcinfo, int i)
{
	if (PG_ARGISNULL(i))
		return {};
	return pg::Call([&] {
		Jsonb *jsonb = PG_GETARG_JSONB_P(i);
		return std::string_view(JsonbToCString(nullptr, &jsonb->root, static_cast<int>(VARSIZE(jsonb))));
	});
}

void
Emit(FunctionCallInfo fcinfo)
{
	Require(fcinfo, 0, "topic");
	core::Event event{OptionalText(fcinfo, 0), OptionalText(fcinfo, 1), {}, {}, PayloadOf(fcinfo, 2)};
	if (event.topic.empty() || event.topic.size() > core::Event::kMaxTopic)
		throw Failure{ERRCODE_INVALID_PARAMETER_VALUE, "a topic must have 1 to 255 bytes"};
	if (event.key.size() > core::Event::kMaxKey)
		throw Failure{ERRCODE_PROGRAM_LIMIT_EXCEEDED, "the key has " + std::to_string(event.key.size()) + " bytes",
					  "At most " + std::to_string(core::Event::kMaxKey) + " are allowed."};
	if (event.payload.size() > core::Event::kMaxPayload)
		throw Failure{ERRCODE_PROGRAM_LIMIT_EXCEEDED,
					  "the payload has " + std::to_string(event.payload.size()) + " bytes",
					  "At most " + std::to_string(core::Event::kMaxPayload) + " are allowed.",
					  "Keep the content in a table, and emit what finds it there."};
	core::Tx tx = AuthorOfEvent();
	event.transaction_id = tx.transaction_id;
	event.source_id = tx.source_id;
	core::Buffer body;
	core::Write(body, event);
	LogSealed(core::Sealed::Kind::kEvent, body.View(), "txsync.emit()");
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(emit);

PGDLLEXPORT Datum
emit(PG_FUNCTION_ARGS)
{
	pg::Entry([&] { Emit(fcinfo); });
	PG_RETURN_VOID();
}

} // extern "C"

} // namespace txsync::api
