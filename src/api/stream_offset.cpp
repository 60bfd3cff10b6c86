#include "api/stream_offset.h"

#include "api/attach.h"
#include "api/errors.h"
#include "api/settings.h"

extern "C" {
#include "catalog/pg_type.h"
}

namespace txsync::api {

namespace {

using Kind = core::JsonbEntry::Kind;

constexpr char kBehind[] = "SELECT pg_catalog.count(*) FROM (SELECT a.id FROM txsync.activity a"
						   " WHERE pg_catalog.left(a.org_id, 200) = pg_catalog.left($1, 200) AND a.org_id = $1"
						   " AND a.id > $2 ORDER BY a.id LIMIT $3) b";
constexpr char kBehindWithoutOrganization[] =
	"SELECT pg_catalog.count(*) FROM (SELECT a.id FROM txsync.activity a"
	" WHERE pg_catalog.left(a.org_id, 200) IS NULL AND a.org_id IS NULL AND $1 IS NULL"
	" AND a.id > $2 ORDER BY a.id LIMIT $3) b";
constexpr char kLatest[] = "SELECT pg_catalog.max(a.id) FROM txsync.activity a"
						   " WHERE pg_catalog.left(a.org_id, 200) IS NOT DISTINCT FROM pg_catalog.left($1, 200)"
						   " AND a.org_id IS NOT DISTINCT FROM $1";

constinit SPIPlanPtr behind_plan = nullptr;
constinit SPIPlanPtr behind_without_organization_plan = nullptr;
constinit SPIPlanPtr latest_plan = nullptr;

std::optional<std::string>
OrganizationOfRow(Target &target, const Column &column, const core::Op &op)
{
	const Entity &entity = *target.entity;
	std::string sql = "SELECT t." + column.sql + "::pg_catalog.text FROM " + entity.table + " t WHERE " + entity.key;
	pg::Spi::Parameter id[] = {TextParameter(op.entity_id)};
	pg::Spi spi;
	if (spi.Execute(entity.Plan(sql), sql.c_str(), id) == 0)
		return std::nullopt;
	return pg::Spi::Value(1);
}

// Of the entity, or of what it is to be.
std::optional<std::string>
OrganizationOf(Target &target, const core::Op &op)
{
	Column *column = target.Find(target.entity->tracking.org_column);
	if (column == nullptr)
		return std::nullopt;
	if (op.action != core::OpAction::kCreate)
		return OrganizationOfRow(target, *column, op);
	core::JsonbContainer data(op.data);
	auto names = data.First();
	auto values = data.Values();
	for (uint32_t i = 0; i < data.Count(); i++) {
		std::string_view name = names.Next().bytes;
		core::JsonbEntry value = values.Next();
		if (name == column->name && value.kind != Kind::kNull)
			return TextOf(value);
	}
	return std::nullopt;
}

int64_t
Number(int column)
{
	return pg::Call([&] {
		bool null = true;
		Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &null);
		return null ? int64_t{0} : DatumGetInt64(value);
	});
}

} // namespace

void
RequireStreamOffset(Target &target, const core::Op &op)
{
	if (!op.stream_offset)
		return;
	std::optional<std::string> organization = OrganizationOf(target, op);
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
	if (Number(1) <= limit)
		return;
	spi.Execute(latest_plan, kLatest, std::span(parameters, 1));
	int64_t server = Number(1);
	throw Fail(errors::kStreamBehind, "the client is too far behind the changelog",
			   {{"clientOffset", *op.stream_offset}, {"serverOffset", server}},
			   "Catch up with the changes, then send the op again.");
}

} // namespace txsync::api
