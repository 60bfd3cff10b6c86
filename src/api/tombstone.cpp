#include "api/tombstone.h"

#include "api/attach.h"
#include "pg/spi.h"

extern "C" {
#include "catalog/pg_type.h"
#include "replication/origin.h"
#include "utils/builtins.h"
}

namespace txsync::api {

namespace {

using Parameter = pg::Spi::Parameter;

Parameter
Text(std::string_view text)
{
	Datum value = pg::Call([&] {
		return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size())));
	});
	return {TEXTOID, value, text.data() == nullptr};
}

// Whose change this is; data() == nullptr: this server's own.
std::string_view
Origin()
{
	if (replorigin_session_origin == InvalidRepOriginId || replorigin_session_origin == DoNotReplicateId)
		return {};
	return pg::Call([] {
		char *name = nullptr;
		return replorigin_by_oid(replorigin_session_origin, true, &name) ? std::string_view(name) : std::string_view();
	});
}

} // namespace

void
Bury(const Tombstone &tombstone)
{
	static SPIPlanPtr plan;
	static const char sql[] =
		"INSERT INTO txsync.tombstone (entity_type, entity_id, org_id, transaction_id, wall_ms, logical, row_version, origin) "
		"VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (entity_type, pg_catalog.md5(entity_id)) "
		"DO UPDATE SET org_id = excluded.org_id, transaction_id = excluded.transaction_id, wall_ms = excluded.wall_ms, "
		"logical = excluded.logical, row_version = excluded.row_version, origin = excluded.origin, deleted_at = "
		"excluded.deleted_at";
	Parameter parameters[] = {
		Text(tombstone.entity_type),
		Text(tombstone.entity_id),
		Text(tombstone.organization_id),
		Text(tombstone.transaction_id),
		{INT8OID, Int64GetDatum(static_cast<int64>(tombstone.stamp.wall_ms))},
		{INT8OID, Int64GetDatum(static_cast<int64>(tombstone.stamp.logical))},
		{INT8OID, Int64GetDatum(static_cast<int64>(tombstone.row_version))},
		Text(Origin()),
	};
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi().Execute(plan, sql, parameters);
}

std::optional<std::string>
TombstoneOf(std::string_view entity_type, std::string_view entity_id)
{
	static SPIPlanPtr plan;
	static const char sql[] = "SELECT transaction_id FROM txsync.tombstone WHERE entity_type = $1 AND "
							  "pg_catalog.md5(entity_id) = pg_catalog.md5($2) AND entity_id = $2";
	Parameter parameters[] = {Text(entity_type), Text(entity_id)};
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	if (spi.Execute(plan, sql, parameters) == 0)
		return std::nullopt;
	return spi.Value(1);
}

} // namespace txsync::api
