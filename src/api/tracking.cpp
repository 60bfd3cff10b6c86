// The arguments of a row trigger as jsonb: what the view txsync.entities is made of.

#include "core/json.h"
#include "core/tracking.h"
#include "pg/entry.h"
#include "pg/image.h"
#include "pg/trigger.h"

extern "C" {
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
}

namespace txsync::api {

namespace {

void
Names(core::Buffer &out, std::string_view key, const std::vector<std::string> &names)
{
	core::json::Key(out, key);
	char separator = '[';
	if (names.empty())
		out.Append(separator);
	for (const std::string &name : names) {
		out.Append(separator);
		core::json::String(out, name);
		separator = ',';
	}
	out.Append(']');
}

void
Text(core::Buffer &out, std::string_view key, std::string_view value)
{
	core::json::Key(out, key);
	if (value.empty())
		out.Append("null");
	else
		core::json::String(out, value);
}

void
Describe(core::Buffer &out, const core::Tracking &tracking)
{
	out.Append('{');
	Text(out, "entityType", tracking.entity_type);
	out.Append(',');
	Names(out, "ids", tracking.id_columns);
	out.Append(',');
	Text(out, "org", tracking.org_column);
	out.Append(tracking.tx ? ",\"tx\":true," : ",\"tx\":false,");
	Names(out, "hidden", tracking.hidden);
	out.Append(',');
	Names(out, "onceHidden", tracking.once_hidden);
	if (tracking.bookkeeping) {
		out.Append(',');
		Names(out, "bookkeeping", *tracking.bookkeeping);
	}
	out.Append(',');
	Names(out, "lww", tracking.lww);
	out.Append(',');
	Text(out, "notify", tracking.notify_full ? "full" : "none");
	out.Append(',');
	Text(out, "deleteVisible", tracking.delete_visible);
	out.Append('}');
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(tracking);

PGDLLEXPORT Datum
tracking(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] {
		auto *bytes = pg::Call([&] { return PG_GETARG_BYTEA_PP(0); });
		std::optional<core::Tracking> tracking = core::ParseTracking(pg::SplitArguments(pg::BytesOf(bytes)));
		if (!tracking) {
			fcinfo->isnull = true;
			return Datum(0);
		}
		core::Buffer json;
		Describe(json, *tracking);
		std::string_view text = json.View();
		// A trigger's arguments are text, but anybody can call this with any bytes.
		pg::Call([&] { pg_verifymbstr(text.data(), static_cast<int>(text.size()), false); });
		json.Append('\0');
		return pg::Call([&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.View().data())); });
	});
}

} // extern "C"

} // namespace txsync::api
