// reshare(): who may see an entity has changed without any row of its table.

#include "api/arguments.h"
#include "api/entity.h"
#include "api/sealed_message.h"
#include "core/nullable.h"
#include "pg/entry.h"

namespace txsync::api {

namespace {

// Of the rows, as their owner sees them.
class Organizations
{
public:
	explicit Organizations(const Entity &entity)
		: entity_(entity)
		, as_owner_(pg::OwnerOf(entity.relation), SECURITY_NOFORCE_RLS)
		, pinned_(true)
	{
		if (!entity.tracking.org_column.empty())
			sql_ = "SELECT t." + pg::QuoteIdentifier(entity.tracking.org_column.c_str()) + " FROM " + entity.rows +
				   " t WHERE " + entity.ids.Condition();
	}

	// Nothing where there is no row, or none that has one.
	std::optional<std::string>
	Of(const EntityKey &key)
	{
		std::optional<std::string> organization;
		if (!sql_.empty() && spi_.Execute(entity_.Plan(sql_), sql_.c_str(), key.values) > 0)
			organization = pg::Spi::Value(1);
		pg::Call([] { SPI_freetuptable(SPI_tuptable); });
		return organization;
	}

private:
	const Entity &entity_;
	pg::RoleScope as_owner_;
	pg::PinnedScope pinned_;
	pg::Spi spi_;
	std::string sql_;
};

void
Reshare(FunctionCallInfo fcinfo)
{
	Require(fcinfo, 0, "entity_type");
	Require(fcinfo, 1, "ids");
	std::shared_ptr<const Entity> entity = EntityOf(TextArgument(fcinfo, 0));
	RequireOwnTable(entity->relation);
	EntityMessages messages(core::Sealed::Kind::kVisibility, entity->relation, "txsync.reshare()");
	Organizations organizations(*entity);
	for (const std::string &id : TextsArgument(fcinfo, 1, "an id")) {
		pg::CheckForInterrupts();
		EntityKey key = entity->ids.Read(id);
		std::optional<std::string> organization = organizations.Of(key);
		messages.Add({key.id, core::ViewOf(organization)});
	}
	messages.Flush();
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(reshare);

PGDLLEXPORT Datum
reshare(PG_FUNCTION_ARGS)
{
	pg::Entry([&] { Reshare(fcinfo); });
	PG_RETURN_VOID();
}

} // extern "C"

} // namespace txsync::api
