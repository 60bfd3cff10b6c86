// snapshot(): all entities of a type, page by page, as the caller may read them.

#include "api/arguments.h"
#include "api/changelog.h"
#include "api/errors.h"
#include "api/rows.h"
#include "api/sealed.h"
#include "core/json.h"
#include "pg/entry.h"

#include <algorithm>

namespace txsync::api {

namespace {

constexpr char kPurpose[] = "snapshot";

constexpr int kMostEntities = 1000;

// Where the next page begins: the cursor from before the first page, and the last page's last entity.
struct Bookmark
{
	std::string cursor;
	std::string entity_type;
	std::string entity_id;
};

std::string
TextOf(const Bookmark &bookmark)
{
	return Sealed(kPurpose, bookmark.cursor + '\0' + bookmark.entity_type + '\0' + bookmark.entity_id);
}

pg::Failure
InvalidBookmark()
{
	return Fail(errors::kCursorInvalid, "after must be the next of a page of this entity type", {},
				"Give the next of the page before as it was given, or null for the first page.");
}

Bookmark
ReadBookmark(std::string_view text, std::string_view entity_type)
{
	std::optional<Unsealed> unsealed = Unseal(kPurpose, text);
	if (!unsealed || !unsealed->is_ours)
		throw InvalidBookmark();
	const std::string &content = unsealed->content;
	size_t type = content.find('\0') + 1;
	size_t id = content.find('\0', type) + 1;
	Bookmark bookmark{content.substr(0, type - 1), content.substr(type, id - 1 - type), content.substr(id)};
	if (bookmark.entity_type != entity_type)
		throw InvalidBookmark();
	return bookmark;
}

void
Write(core::Buffer &out, std::span<const NamedRow> rows, const Fits &fits)
{
	out.Append("\"entities\":[");
	for (const NamedRow &row : rows) {
		out.Append(&row == rows.data() ? "{\"entityId\":" : ",{\"entityId\":");
		core::json::String(out, row.id);
		out.Append(',');
		Write(out, row.row, fits);
		out.Append('}');
	}
	out.Append("],\"versions\":{");
	bool first = true;
	for (const NamedRow &row : rows) {
		if (row.row.versions.data() == nullptr)
			continue;
		if (!std::exchange(first, false))
			out.Append(',');
		core::json::Key(out, row.id);
		out.Append(row.row.versions);
	}
	out.Append('}');
}

// The first page's cursor is from before what it reads. Who cannot go on from there any more is to begin anew.
Bookmark
Begin(const std::string &entity_type, const std::optional<std::string> &after)
{
	Extent extent = ExtentNow();
	if (!after)
		return {CursorAt(extent, extent.last_id, {}), entity_type, {}};
	Bookmark bookmark = ReadBookmark(*after, entity_type);
	PositionOf(bookmark.cursor, extent, {});
	return bookmark;
}

// A page's entities.
struct Entities
{
	std::vector<NamedRow> rows;
	bool has_more = false;
};

// Some at a time, and no more once there is enough content.
Entities
ReadBehind(const Entity &entity, std::optional<std::string> after, size_t max)
{
	constexpr size_t kBatch = 100;
	Readable readable(entity);
	Entities read;
	size_t bytes = 0;
	do {
		size_t limit = std::min(kBatch, max - read.rows.size());
		std::vector<NamedRow> rows = RowsBehind(entity, readable, after, static_cast<int64_t>(limit) + 1);
		read.has_more = rows.size() > limit;
		rows.resize(std::min(rows.size(), limit));
		for (NamedRow &row : rows) {
			if (bytes > kMostPageBytes) {
				read.has_more = true;
				break;
			}
			bytes += row.row.data.size();
			read.rows.push_back(std::move(row));
		}
		if (read.has_more)
			after = read.rows.back().id;
	} while (read.has_more && read.rows.size() < max && bytes <= kMostPageBytes);
	return read;
}

Datum
Snapshot(FunctionCallInfo fcinfo)
{
	Require(fcinfo, 0, "entity_type");
	Require(fcinfo, 2, "max");
	std::string entity_type = TextArgument(fcinfo, 0);
	int max = PG_GETARG_INT32(2);
	if (max < 1 || max > kMostEntities)
		throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, "max must be from 1 to 1000"};
	std::optional<std::string> after = PG_ARGISNULL(1) ? std::nullopt : std::optional(TextArgument(fcinfo, 1));
	Bookmark bookmark = Begin(entity_type, after);
	std::shared_ptr<const Entity> entity = FindLockedEntity(entity_type);
	if (entity == nullptr)
		throw UnknownEntityType(entity_type);
	if (after)
		after = bookmark.entity_id;
	Entities page = ReadBehind(*entity, after, static_cast<size_t>(max));
	return ToDatum([&](core::Buffer &json, const Fits &fits) {
		json.Append('{');
		Write(json, page.rows, fits);
		json.Append(",\"next\":");
		if (page.has_more)
			core::json::String(json, TextOf({bookmark.cursor, entity_type, page.rows.back().id}));
		else
			json.Append("null");
		json.Append(",\"cursor\":");
		core::json::String(json, bookmark.cursor);
		json.Append('}');
	});
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(snapshot);

PGDLLEXPORT Datum
snapshot(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return Snapshot(fcinfo); });
}

} // extern "C"

} // namespace txsync::api
