#include "api/changelog.h"

#include "api/attach.h"
#include "api/entity.h"
#include "api/errors.h"
#include "api/sealed.h"
#include "api/spi_value.h"
#include "core/cursor.h"

#include <charconv>

extern "C" {
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
}

namespace txsync::api {

namespace {

constexpr char kPurpose[] = "cursor";

// What a reader does who cannot go on.
constexpr char kBeginAnew[] =
	"Read what there is with txsync.snapshot(), and go on from the cursor that it gives with its first page.";

// Statements are run as the extension's owner: every name in them is the catalog's own.
constexpr char kExtent[] =
	"SELECT s.epoch, s.last_id FROM txsync.capture_state s WHERE s.system_identifier OPERATOR(pg_catalog.=) $1"
	" AND s.database OPERATOR(pg_catalog.=) $2 AND s.epoch IS NOT NULL";
constexpr char kFloor[] = "SELECT pg_catalog.max(o.floor) FROM txsync.capture_state o";
// An epoch that came along with a copy of the database ended where its own row says.
constexpr char kEndOfEpoch[] =
	"SELECT p.last_id FROM txsync.past_epoch p WHERE p.epoch OPERATOR(pg_catalog.=) $1"
	" UNION ALL SELECT s.last_id FROM txsync.capture_state s WHERE s.epoch OPERATOR(pg_catalog.=) $1 LIMIT 1";

constinit SPIPlanPtr extent_plan = nullptr;
constinit SPIPlanPtr floor_plan = nullptr;
constinit SPIPlanPtr end_of_epoch_plan = nullptr;

std::string
SystemIdentifier()
{
	return std::to_string(GetSystemIdentifier());
}

uint64_t
HashOf(std::string_view name)
{
	return DatumGetUInt64(
		hash_bytes_extended(reinterpret_cast<const unsigned char *>(name.data()), static_cast<int>(name.size()), 0));
}

core::HashedNames
Hashed(const std::optional<core::NameSet> &names)
{
	if (!names)
		return {};
	std::vector<uint64_t> hashes;
	for (const std::string &name : names->Names())
		hashes.push_back(HashOf(name));
	return core::HashedNames(std::move(hashes));
}

// Names this database among all.
uint64_t
DatabaseHash()
{
	return HashOf(SystemIdentifier() + '/' + std::to_string(MyDatabaseId));
}

pg::Failure
InvalidCursor()
{
	return Fail(errors::kCursorInvalid, "the cursor is none that this database gave", {},
				"Give a cursor back as it was given: a text of fetch_changes(), sync() or snapshot(), an activityId,"
				" 'start' or 'now'.");
}

pg::Failure
Foreign()
{
	return Fail(errors::kCursorForeign, "the cursor is of another history than this database's", {}, kBeginAnew);
}

pg::Failure
Ahead(int64_t position, const Extent &extent)
{
	return Fail(errors::kCursorAhead, "the cursor is ahead of the changelog",
				{{"activityId", position}, {"lastActivityId", extent.last_id}},
				std::string("On a standby, wait until it has come so far. Otherwise: ") + kBeginAnew);
}

core::Cursor
Parse(std::string_view text)
{
	std::optional<Unsealed> unsealed = Unseal(kPurpose, text);
	std::optional<core::Cursor> cursor = unsealed ? core::ParseCursor(unsealed->content) : std::nullopt;
	if (cursor && !unsealed->is_ours && cursor->database != DatabaseHash())
		throw Foreign();
	if (!cursor || !unsealed->is_ours)
		throw InvalidCursor();
	return *cursor;
}

void
RequireFilter(const core::Cursor &cursor, const Filter &filter)
{
	bool types = cursor.entity_types.Includes(Hashed(filter.entity_types));
	bool organizations = cursor.organizations.Includes(Hashed(filter.organizations));
	if (!types || !organizations)
		throw Fail(errors::kCursorFilter, "the cursor passed over what is asked for now",
				   {{"argument", types ? "organizations" : "entity_types"}},
				   "Ask for what was asked for before, or for less. For more: fetch it from another cursor, 'start' for"
				   " instance.");
}

// The last activity of an epoch that this changelog has had before, if it has.
std::optional<int64_t>
EndOfEpoch(int64_t epoch)
{
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	const pg::Spi::Parameter parameters[] = {{INT8OID, Int64GetDatum(epoch)}};
	if (spi.Execute(end_of_epoch_plan, kEndOfEpoch, parameters) == 0)
		return std::nullopt;
	return Number(0, 1);
}

void
RequireHere(const core::Cursor &cursor, const Extent &extent)
{
	if (cursor.position == 0)
		return;
	if (cursor.epoch == extent.epoch) {
		if (cursor.position > extent.last_id)
			throw Ahead(cursor.position, extent);
		return;
	}
	std::optional<int64_t> end = EndOfEpoch(cursor.epoch);
	if (!end || cursor.position > *end)
		throw Foreign();
}

// An activityId as text, if it is one.
std::optional<int64_t>
BareId(std::string_view text)
{
	int64_t id = 0;
	auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
	if (error != std::errc() || end != text.data() + text.size() || id < 0)
		return std::nullopt;
	return id;
}

pg::Failure
Expired(int64_t position, const char *why)
{
	return Fail(errors::kCursorExpired, std::string("the cursor has expired: ") + why, {{"activityId", position}},
				kBeginAnew);
}

} // namespace

Extent
ExtentNow()
{
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	std::string identifier = SystemIdentifier();
	const pg::Spi::Parameter parameters[] = {TextParameter(identifier), {OIDOID, ObjectIdGetDatum(MyDatabaseId)}};
	if (spi.Execute(extent_plan, kExtent, parameters) == 0)
		return {};
	Extent extent{Number(0, 1), Number(0, 2)};
	// A partition that is dropped is gone for all. Where that waits for no reader's snapshot, on a standby, the floor
	// that this one shows may be older than that.
	spi.ExecuteNow(floor_plan, kFloor);
	extent.floor = Number(0, 1);
	return extent;
}

std::string
CursorAt(const Extent &extent, int64_t position, const Filter &filter)
{
	core::Cursor cursor{DatabaseHash(), extent.epoch, position, Hashed(filter.entity_types),
						Hashed(filter.organizations)};
	core::Buffer bytes;
	core::Write(bytes, cursor);
	return Sealed(kPurpose, bytes.View());
}

int64_t
PositionOf(std::string_view text, const Extent &extent, const Filter &filter)
{
	if (text == "now")
		return extent.last_id;
	int64_t position = 0;
	if (std::optional<int64_t> id = BareId(text)) {
		if (*id > extent.last_id)
			throw Ahead(*id, extent);
		position = *id;
	} else if (text != "start") {
		core::Cursor cursor = Parse(text);
		RequireFilter(cursor, filter);
		RequireHere(cursor, extent);
		position = cursor.position;
	}
	RequireWhole(position, extent, filter);
	return position;
}

bool
AsksFor(std::string_view text, std::string_view name)
{
	if (text == "start" || text == "now" || BareId(text))
		return false;
	core::HashedNames asked = Parse(text).entity_types;
	return !asked.HasAll() && asked.Includes(core::HashedNames({HashOf(name)}));
}

void
RequireWhole(int64_t position, const Extent &extent, const Filter &filter)
{
	if (position < extent.floor)
		throw Expired(position, "what came behind it is not kept any more");
	if (HasHole(position, extent.last_id, filter))
		throw Expired(position, "there is a gap behind it");
}

} // namespace txsync::api
