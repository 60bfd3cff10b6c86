#include "api/described.h"

#include "core/json.h"
#include "core/nullable.h"

namespace txsync::api {

namespace {

// Calls f(name, id) for each field of whose last change anything is known.
template <class F>
void
EachField(const Entity &entity, const core::Versions &versions, F &&f)
{
	std::string creator = versions.Creator();
	for (const core::Field &field : entity.tracking.fields) {
		std::optional<core::Versions::Version> version = versions.Find(field.number);
		if ((version || !creator.empty()) && HasVersions(entity, field.column) &&
			!core::IsHidden(entity.tracking, field.column))
			f(field.column, core::NullIfEmpty(version ? version->id : creator));
	}
}

} // namespace

JsonbValue *
DescribeVersions(const Entity &entity, const State &state)
{
	core::Buffer store;
	core::Versions versions = VersionsOf(store, state);
	JsonObject fields;
	EachField(entity, versions, [&](std::string_view name, std::string_view id) { fields.Text(name, id); });
	JsonObject described;
	described.Text("last", core::NullIfEmpty(versions.Last()));
	described.Integer("rowVersion", static_cast<int64_t>(versions.RowVersion()));
	described.Json("fields", fields.End());
	return described.End();
}

void
WriteVersions(core::Buffer &out, const Entity &entity, const State &state,
			  const std::function<bool(std::string_view)> &tells)
{
	core::Buffer store;
	core::Versions versions = VersionsOf(store, state);
	out.Append("{\"last\":");
	core::json::StringOrNull(out, core::NullIfEmpty(versions.Last()));
	out.Append(",\"rowVersion\":");
	core::json::Integer(out, static_cast<int64_t>(versions.RowVersion()));
	out.Append(",\"fields\":{");
	bool first = true;
	EachField(entity, versions, [&](std::string_view name, std::string_view id) {
		if (!tells(name))
			return;
		if (!std::exchange(first, false))
			out.Append(',');
		core::json::Key(out, name);
		core::json::StringOrNull(out, id);
	});
	out.Append("}}");
}

} // namespace txsync::api
