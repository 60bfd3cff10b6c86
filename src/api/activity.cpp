#include "api/activity.h"

#include "api/by_index.h"
#include "api/entity.h"
#include "api/spi_value.h"
#include "core/jsonb.h"
#include "pg/image.h"
#include "pg/memory.h"

#include <algorithm>

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"
}

namespace txsync::api {

namespace {

// Statements are run as the extension's owner: every name in them is the catalog's own. $1: behind this id, $2: up to
// that one.
#define TXSYNC_ACTIVITY_COLUMNS                                                                                  \
	"a.id, a.commit_lsn, a.change_lsn, a.k, a.committed_at, a.entity_type, a.entity_id, a.org_id, a.old_org_id," \
	" a.old_org_null, a.action, a.changed_keys, a.tx, a.version, a.row_version, a.origin, a.annotation, a.payload"
#define TXSYNC_BETWEEN "a.id OPERATOR(pg_catalog.>) $1 AND a.id OPERATOR(pg_catalog.<=) $2"

constexpr char kBetween[] =
	"SELECT " TXSYNC_ACTIVITY_COLUMNS " FROM txsync.activity a WHERE " TXSYNC_BETWEEN " ORDER BY a.id LIMIT $3";

constexpr char kAt[] = "SELECT " TXSYNC_ACTIVITY_COLUMNS
					   " FROM txsync.activity a WHERE a.id OPERATOR(pg_catalog.=) ANY ($1) ORDER BY a.id";

// The first of each organization and of what is for all: the first of them all are among these.
constexpr char kOfOrganizations[] =
	"SELECT " TXSYNC_ACTIVITY_COLUMNS " FROM (SELECT u.id FROM ("
	"SELECT i.id FROM pg_catalog.unnest($4) o(org), LATERAL ("
	"(SELECT a.id FROM txsync.activity a WHERE pg_catalog.hashtextextended(a.org_id, 0) OPERATOR(pg_catalog.=)"
	" pg_catalog.hashtextextended(o.org, 0) AND a.org_id OPERATOR(pg_catalog.=) o.org AND " TXSYNC_BETWEEN
	" ORDER BY a.id LIMIT $3) UNION ALL "
	"(SELECT a.id FROM txsync.activity a WHERE pg_catalog.hashtextextended(a.old_org_id, 0) OPERATOR(pg_catalog.=)"
	" pg_catalog.hashtextextended(o.org, 0) AND a.old_org_id OPERATOR(pg_catalog.=) o.org AND " TXSYNC_BETWEEN
	" ORDER BY a.id LIMIT $3)) i UNION "
	"(SELECT a.id FROM txsync.activity a WHERE a.action OPERATOR(pg_catalog.=) 'truncate' AND " TXSYNC_BETWEEN
	" ORDER BY a.id LIMIT $3) UNION "
	"(SELECT a.id FROM txsync.activity a WHERE a.action OPERATOR(pg_catalog.=) 'visibility' AND " TXSYNC_BETWEEN
	" ORDER BY a.id LIMIT $3)) u ORDER BY u.id LIMIT $3) f JOIN txsync.activity a ON a.id OPERATOR(pg_catalog.=) f.id"
	" ORDER BY a.id";

// $1 to $5: of each, its id, entity type, entity, an organization that it tells, and 1 if it tells all of them; $6: up
// to that id. Whether a later one of the entity tells the organization, or all of them, as well.
constexpr char kSuperseded[] =
	"SELECT k.n FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3),"
	" pg_catalog.unnest($4), pg_catalog.unnest($5)) WITH ORDINALITY k(id, type, entity, org, tells_all, n) WHERE "
	"EXISTS ("
	"SELECT FROM txsync.activity a WHERE pg_catalog.left(a.entity_id, 200) OPERATOR(pg_catalog.=)"
	" pg_catalog.left(k.entity, 200) AND a.entity_id OPERATOR(pg_catalog.=) k.entity"
	" AND a.entity_type OPERATOR(pg_catalog.=) k.type AND a.id OPERATOR(pg_catalog.>) k.id"
	" AND a.id OPERATOR(pg_catalog.<=) $6 AND a.action OPERATOR(pg_catalog.<>) 'event'"
	" AND (a.action OPERATOR(pg_catalog.=) 'visibility'"
	" OR k.tells_all OPERATOR(pg_catalog.=) 0 AND (a.org_id OPERATOR(pg_catalog.=) k.org"
	" OR a.old_org_id OPERATOR(pg_catalog.=) k.org OR (a.org_id IS NULL OR a.old_org_null) AND k.org IS NULL)))";

constexpr char kGaps[] = "SELECT " TXSYNC_ACTIVITY_COLUMNS " FROM txsync.activity a"
						 " WHERE a.action OPERATOR(pg_catalog.=) 'gap' AND " TXSYNC_BETWEEN
						 " AND (a.payload OPERATOR(pg_catalog.->>) 'healed') IS DISTINCT FROM 'true'";

constexpr char kTopic[] = "SELECT FROM txsync.activity a WHERE a.action OPERATOR(pg_catalog.=) 'event'"
						  " AND a.entity_type OPERATOR(pg_catalog.=) $1 LIMIT 1";

constinit SPIPlanPtr between_plan = nullptr;
constinit SPIPlanPtr at_plan = nullptr;
constinit SPIPlanPtr of_organizations_plan = nullptr;
constinit SPIPlanPtr superseded_plan = nullptr;
constinit SPIPlanPtr gaps_plan = nullptr;
constinit SPIPlanPtr topic_plan = nullptr;

// Takes the values in the order of kActivityColumns.
class Values
{
public:
	static constexpr int kCount = 18;

	explicit Values(uint64_t row)
	{
		pg::Call([&] {
			heap_deform_tuple(heap_copytuple(SPI_tuptable->vals[row]), SPI_tuptable->tupdesc, values_, nulls_);
		});
	}

	// 0 for null.
	Datum
	Next()
	{
		Datum value = nulls_[at_] ? Datum(0) : values_[at_];
		at_++;
		return value;
	}

	std::string_view
	Text()
	{
		Datum value = Next();
		if (value == 0)
			return {};
		return pg::Call([&] { return pg::BytesOf(PG_DETOAST_DATUM_PACKED(value)); });
	}

	// A jsonb without its length word.
	std::string_view
	JsonbBytes()
	{
		Datum value = Next();
		if (value == 0)
			return {};
		return pg::Call([&] { return pg::BytesOf(PG_DETOAST_DATUM(value)); });
	}

	// As text.
	std::string_view
	Json()
	{
		Datum value = Next();
		if (value == 0)
			return {};
		return pg::Call([&] {
			auto *jsonb = DatumGetJsonbP(value);
			return std::string_view(JsonbToCString(nullptr, &jsonb->root, static_cast<int>(VARSIZE(jsonb))));
		});
	}

	// False for null.
	bool
	Texts(std::vector<std::string_view> &texts)
	{
		Datum value = Next();
		if (value == 0)
			return false;
		Datum *elements = nullptr;
		int count = 0;
		pg::Call([&] {
			deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT, &elements, nullptr, &count);
		});
		for (int i = 0; i < count; i++) {
			auto *text = reinterpret_cast<struct varlena *>(DatumGetPointer(elements[i]));
			texts.emplace_back(pg::BytesOf(text));
		}
		return true;
	}

private:
	Datum values_[kCount];
	bool nulls_[kCount];
	int at_ = 0;
};

// A row of the last result; memory of the context that is current.
Activity
ReadActivity(uint64_t row)
{
	Values values(row);
	Activity activity;
	activity.id = DatumGetInt64(values.Next());
	activity.position.commit_lsn = DatumGetLSN(values.Next());
	activity.position.change_lsn = DatumGetLSN(values.Next());
	activity.position.row = static_cast<uint32_t>(DatumGetInt32(values.Next()));
	activity.committed_at = DatumGetTimestampTz(values.Next());
	activity.entity_type = values.Text();
	activity.entity_id = values.Text();
	activity.organization_id = values.Text();
	activity.old_organization_id = values.Text();
	activity.old_organization_null = DatumGetBool(values.Next());
	activity.action = core::ActionOf(values.Text()).value_or(core::Action::kGap);
	activity.changed_keys_known = values.Texts(activity.changed_keys);
	if (std::string_view tx = values.JsonbBytes(); tx.data() != nullptr && core::ReadTx(tx, activity.tx) != nullptr)
		activity.tx = {};
	activity.version = values.Text();
	activity.row_version = static_cast<uint64_t>(DatumGetInt64(values.Next()));
	activity.origin = values.Text();
	activity.annotation = values.Json();
	activity.payload = values.Json();
	return activity;
}

std::vector<Activity>
ReadActivities(SPIPlanPtr &plan, const char *sql, std::span<const pg::Spi::Parameter> parameters)
{
	MemoryContext context = CurrentMemoryContext;
	ByIndex by_index;
	pg::Spi spi;
	uint64_t count = spi.Execute(plan, sql, parameters, pg::Spi::Planned::kGeneric);
	pg::ContextScope scope(context);
	std::vector<Activity> activities;
	activities.reserve(count);
	for (uint64_t row = 0; row < count; row++)
		activities.push_back(ReadActivity(row));
	return activities;
}

// What activities tell, one organization each: an activity is needed while a later one does not tell the same.
class Claims
{
public:
	void
	Add(size_t place, const Activity &activity, std::string_view organization)
	{
		places_.push_back(place);
		ids_.push_back(activity.id);
		types_.push_back(activity.entity_type);
		entities_.push_back(activity.entity_id);
		organizations_.push_back(organization);
		tells_all_.push_back(activity.action == core::Action::kVisibility);
	}

	// Of so many activities; those without a claim are.
	std::vector<bool>
	Needed(size_t count, int64_t last) const
	{
		std::vector<bool> superseded = Superseded(last);
		std::vector<bool> needed(count, true);
		for (size_t place : places_)
			needed[place] = false;
		for (size_t i = 0; i < places_.size(); i++)
			needed[places_[i]] = needed[places_[i]] || !superseded[i];
		return needed;
	}

private:
	std::vector<bool>
	Superseded(int64_t last) const
	{
		const pg::Spi::Parameter parameters[] = {NumbersParameter(ids_),       TextsParameter(types_),
												 TextsParameter(entities_),    TextsParameter(organizations_),
												 NumbersParameter(tells_all_), {INT8OID, Int64GetDatum(last)}};
		ByIndex by_index;
		pg::Spi spi;
		uint64_t count = spi.Execute(superseded_plan, kSuperseded, parameters, pg::Spi::Planned::kGeneric);
		std::vector<bool> superseded(places_.size(), false);
		for (uint64_t row = 0; row < count; row++)
			superseded[static_cast<size_t>(Number(row, 1)) - 1] = true;
		return superseded;
	}

	std::vector<size_t> places_;
	std::vector<int64_t> ids_;
	std::vector<std::string_view> types_;
	std::vector<std::string_view> entities_;
	std::vector<std::string_view> organizations_;
	std::vector<int64_t> tells_all_;
};

} // namespace

std::vector<Activity>
ActivitiesBetween(int64_t after, int64_t last, const Filter &filter, int64_t limit)
{
	std::vector<pg::Spi::Parameter> parameters = {
		{INT8OID, Int64GetDatum(after)}, {INT8OID, Int64GetDatum(last)}, {INT8OID, Int64GetDatum(limit)}};
	if (!filter.organizations)
		return ReadActivities(between_plan, kBetween, parameters);
	const std::vector<std::string> &names = filter.organizations->Names();
	std::vector<std::string_view> organizations(names.begin(), names.end());
	parameters.push_back(TextsParameter(organizations));
	return ReadActivities(of_organizations_plan, kOfOrganizations, parameters);
}

std::vector<Activity>
ActivitiesAt(std::span<const int64_t> ids)
{
	const pg::Spi::Parameter parameters[] = {NumbersParameter(ids)};
	return ReadActivities(at_plan, kAt, parameters);
}

void
DropSuperseded(std::vector<Activity> &activities, int64_t last)
{
	Claims claims;
	for (size_t i = 0; i < activities.size(); i++) {
		const Activity &activity = activities[i];
		if (activity.entity_id.data() == nullptr || activity.action == core::Action::kEvent)
			continue;
		claims.Add(i, activity, activity.organization_id);
		if (activity.HasMoved())
			claims.Add(i, activity, activity.old_organization_id);
	}
	std::vector<bool> needed = claims.Needed(activities.size(), last);
	size_t at = 0;
	std::erase_if(activities, [&](const Activity &) { return !needed[at++]; });
}

bool
HasHole(int64_t after, int64_t last, const Filter &filter)
{
	const pg::Spi::Parameter parameters[] = {{INT8OID, Int64GetDatum(after)}, {INT8OID, Int64GetDatum(last)}};
	std::vector<Activity> gaps = ReadActivities(gaps_plan, kGaps, parameters);
	// A partition that was truncated alone is a gap of its entity type.
	return std::ranges::any_of(gaps, [&](const Activity &gap) {
		return gap.entity_type.data() == nullptr || !filter.entity_types ||
			   filter.entity_types->Contains(gap.entity_type);
	});
}

bool
IsTopic(std::string_view name)
{
	ByIndex by_index;
	pg::Spi spi;
	const pg::Spi::Parameter parameters[] = {TextParameter(name)};
	return spi.Execute(topic_plan, kTopic, parameters, pg::Spi::Planned::kGeneric) > 0;
}

} // namespace txsync::api
