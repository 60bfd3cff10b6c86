// fetch_changes(): the changes behind a cursor.

#include "api/arguments.h"
#include "api/json_object.h"
#include "api/page.h"
#include "pg/entry.h"

namespace txsync::api {

namespace {

std::optional<core::NameSet>
NameSetArgument(FunctionCallInfo fcinfo, int i)
{
	if (PG_ARGISNULL(i))
		return std::nullopt;
	return core::NameSet(TextsArgument(fcinfo, i, "a name"));
}

Datum
FetchChanges(FunctionCallInfo fcinfo)
{
	static constexpr const char *kNames[] = {"cursor", "max", nullptr, nullptr, "latest"};
	for (int i : {0, 1, 4})
		Require(fcinfo, i, kNames[i]);
	PageRequest request;
	request.cursor = TextArgument(fcinfo, 0);
	request.max = PG_GETARG_INT32(1);
	request.filter = {NameSetArgument(fcinfo, 2), NameSetArgument(fcinfo, 3)};
	request.latest = PG_GETARG_BOOL(4);
	Page page = ReadPage(request);
	return ToDatum([&](core::Buffer &json, const Fits &fits) {
		json.Append('{');
		Write(json, page, fits);
		json.Append('}');
	});
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(fetch_changes);

PGDLLEXPORT Datum
fetch_changes(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return FetchChanges(fcinfo); });
}

} // extern "C"

} // namespace txsync::api
