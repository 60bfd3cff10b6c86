#include "api/stream_offset.h"

#include "api/attach.h"
#include "api/errors.h"
#include "api/settings.h"
#include "api/spi_value.h"

extern "C" {
#include "catalog/pg_type.h"
}

namespace txsync::api {

namespace {

// Run as the extension's owner: every name in them is the catalog's own.
constexpr char kBehind[] =
	"SELECT pg_catalog.count(*) FROM (SELECT a.id FROM txsync.activity a"
	" WHERE pg_catalog.hashtextextended(a.org_id, 0) OPERATOR(pg_catalog.=) pg_catalog.hashtextextended($1, 0)"
	" AND a.org_id OPERATOR(pg_catalog.=) $1 AND a.id OPERATOR(pg_catalog.>) $2 ORDER BY a.id LIMIT $3) b";
constexpr char kBehindWithoutOrganization[] =
	"SELECT pg_catalog.count(*) FROM (SELECT a.id FROM txsync.activity a"
	" WHERE pg_catalog.hashtextextended(a.org_id, 0) IS NULL AND a.org_id IS NULL AND $1 IS NULL"
	" AND a.id OPERATOR(pg_catalog.>) $2 ORDER BY a.id LIMIT $3) b";
constexpr char kLatest[] =
	"SELECT pg_catalog.max(a.id) FROM txsync.activity a"
	" WHERE pg_catalog.hashtextextended(a.org_id, 0) OPERATOR(pg_catalog.=) pg_catalog.hashtextextended($1, 0)"
	" AND a.org_id OPERATOR(pg_catalog.=) $1";
constexpr char kLatestWithoutOrganization[] =
	"SELECT pg_catalog.max(a.id) FROM txsync.activity a"
	" WHERE pg_catalog.hashtextextended(a.org_id, 0) IS NULL AND a.org_id IS NULL AND $1 IS NULL";

constinit SPIPlanPtr behind_plan = nullptr;
constinit SPIPlanPtr behind_without_organization_plan = nullptr;
constinit SPIPlanPtr latest_plan = nullptr;
constinit SPIPlanPtr latest_without_organization_plan = nullptr;

} // namespace

std::optional<std::string>
StoredOrganization(Target &target, const core::Op &op)
{
	const Entity &entity = *target.entity;
	const Column *column = target.Find(entity.tracking.org_column);
	if (column == nullptr)
		return std::nullopt;
	std::string sql = "SELECT t." + column->sql + " FROM " + entity.rows + " t WHERE " + entity.ids.Condition();
	EntityKey id = entity.ids.Read(op.entity_id);
	pg::Spi spi;
	if (spi.Execute(entity.Plan(sql), sql.c_str(), id.values) == 0)
		return std::nullopt;
	pg::PinnedScope pinned(!pg::IsSettled(column->input.Type()));
	return pg::Spi::Value(1);
}

void
RequireStreamOffset(const core::Op &op, const std::optional<std::string> &organization)
{
	if (!op.stream_offset)
		return;
	int64_t limit = StreamBehindLimit();
	pg::Spi::Parameter parameters[] = {TextParameter(organization ? *organization : std::string_view("")),
									   {INT8OID, Int64GetDatum(*op.stream_offset)},
									   {INT8OID, Int64GetDatum(limit + 1)}};
	parameters[0].null = !organization;
	// The changelog is closed to callers; that they are behind is all that they learn of it.
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	if (organization)
		spi.Execute(behind_plan, kBehind, parameters);
	else
		spi.Execute(behind_without_organization_plan, kBehindWithoutOrganization, parameters);
	if (Number(0, 1) <= limit)
		return;
	if (organization)
		spi.Execute(latest_plan, kLatest, std::span(parameters, 1));
	else
		spi.Execute(latest_without_organization_plan, kLatestWithoutOrganization, std::span(parameters, 1));
	int64_t server = Number(0, 1);
	throw Fail(errors::kStreamBehind, "the client is too far behind the changelog",
			   {{"clientOffset", *op.stream_offset}, {"serverOffset", server}},
			   "Catch up with the changes, then send the op again.");
}

} // namespace txsync::api
