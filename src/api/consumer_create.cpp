// create_consumer() and drop_consumer().

#include "api/arguments.h"
#include "api/by_index.h"
#include "api/changelog.h"
#include "api/consumer.h"
#include "api/entity.h"
#include "api/readable.h"
#include "api/spi_value.h"
#include "api/table.h"
#include "api/tell.h"
#include "core/jsonb.h"
#include "pg/entry.h"

extern "C" {
#include "catalog/pg_type.h"
}

namespace txsync::api {

namespace {

constexpr char kIsThere[] = "SELECT FROM txsync.consumer c WHERE c.name OPERATOR(pg_catalog.=) $1";
constexpr char kCreate[] =
	"INSERT INTO txsync.consumer (name, creator, entity_types, organizations, max_attempts, position, read_to)"
	" VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (name) DO NOTHING";
constexpr char kDrop[] = "WITH l AS (DELETE FROM txsync.lease WHERE consumer OPERATOR(pg_catalog.=) $1),"
						 " d AS (DELETE FROM txsync.delivery WHERE consumer OPERATOR(pg_catalog.=) $1),"
						 " x AS (DELETE FROM txsync.dead_letter WHERE consumer OPERATOR(pg_catalog.=) $1)"
						 " DELETE FROM txsync.consumer WHERE id OPERATOR(pg_catalog.=) $1";

constinit SPIPlanPtr is_there_plan = nullptr;
constinit SPIPlanPtr create_plan = nullptr;
constinit SPIPlanPtr drop_plan = nullptr;

constexpr size_t kLongestName = 128;

constexpr char kTopic[] =
	"Its changes are told from when one is; events of that topic are told to who has SELECT on txsync.event.";
constexpr char kPassedOver[] = "What it may not read when it is looked at is passed over, and does not come again.";

pg::Failure
Malformed(std::string message)
{
	return {ERRCODE_INVALID_PARAMETER_VALUE,
			std::move(message),
			{},
			R"(A filter is {"entityTypes": ["..."], "organizations": ["..."]}, both optional.)"};
}

std::optional<core::NameSet>
ReadNames(const core::JsonbEntry &entry, std::string_view member)
{
	if (entry.kind == core::JsonbEntry::Kind::kNull)
		return std::nullopt;
	auto names = core::TextsOf(entry);
	if (!names)
		throw Malformed("the filter's " + Quoted(member) + " must be an array of texts");
	return core::NameSet({names->begin(), names->end()});
}

Filter
ReadFilter(const core::JsonbContainer &object)
{
	if (!object.IsObject())
		throw Malformed("the filter must be an object");
	Filter filter;
	for (const auto &[key, value] : object.Members()) {
		if (key == "entityTypes")
			filter.entity_types = ReadNames(value, key);
		else if (key == "organizations")
			filter.organizations = ReadNames(value, key);
		else
			throw Malformed("a filter has no " + Quoted(key));
	}
	return filter;
}

pg::Spi::Parameter
NamesParameter(const std::optional<core::NameSet> &names)
{
	if (!names)
		return {TEXTARRAYOID, 0, true};
	return TextsParameter(std::vector<std::string_view>(names->Names().begin(), names->Names().end()));
}

bool
AreSame(const std::optional<core::NameSet> &one, const std::optional<core::NameSet> &other)
{
	return one.has_value() == other.has_value() && (!one || one->Names() == other->Names());
}

bool
IsThere(const std::string &name)
{
	pg::Spi spi;
	pg::Spi::Parameter parameters[] = {TextParameter(name)};
	return spi.Execute(is_there_plan, kIsThere, parameters, pg::Spi::Planned::kGeneric) > 0;
}

// False if one of this name is there.
bool
Insert(const std::string &name, Oid creator, const Filter &filter, int32_t max_attempts, int64_t position)
{
	pg::Spi spi;
	pg::Spi::Parameter at = {INT8OID, Int64GetDatum(position)};
	pg::Spi::Parameter parameters[] = {TextParameter(name),
									   {OIDOID, ObjectIdGetDatum(creator)},
									   NamesParameter(filter.entity_types),
									   NamesParameter(filter.organizations),
									   {INT4OID, Int32GetDatum(max_attempts)},
									   at};
	return spi.Execute(create_plan, kCreate, parameters, pg::Spi::Planned::kGeneric) > 0;
}

void
Create(const std::string &name, const Filter &filter, const std::string &start, int32_t max_attempts)
{
	if (name.empty() || name.size() > kLongestName)
		throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, "a consumer's name has 1 to 128 bytes"};
	if (max_attempts < 1)
		throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, "max_attempts must be positive"};
	Oid creator = GetUserId();
	ByIndex as_owner;
	// Where one began that is there may have been forgotten since.
	if (!IsThere(name) && Insert(name, creator, filter, max_attempts, PositionOf(start, ExtentNow(), filter)))
		return;
	Consumer there = Consumer::Open(name, creator);
	there.RequireCreator();
	if (!AreSame(there.filter.entity_types, filter.entity_types) ||
		!AreSame(there.filter.organizations, filter.organizations) || there.max_attempts != max_attempts)
		throw pg::Failure{ERRCODE_DUPLICATE_OBJECT,
						  "there is a consumer " + Quoted(name) + " with another filter, or other max_attempts",
						  {},
						  "Take another name, or drop it with txsync.drop_consumer()."};
	if (there.HasExpired(ExtentNow()))
		pg::Warn("consumer " + Quoted(name) + " has expired",
				 "Drop it with txsync.drop_consumer(), and create it anew.");
}

// A slip would show only in what never comes.
void
WarnOfWhatIsNotTold(const Filter &filter)
{
	if (!filter.entity_types)
		return;
	for (std::string_view name : filter.entity_types->Names()) {
		if (TableOf(name) && FindReadable(name) == nullptr)
			pg::Warn("the current role may not read entity type " + Quoted(name), kPassedOver);
		else if (!TableOf(name) && !(MayReadEvents() && IsTopic(name)))
			pg::Warn("no table is tracked under entity type " + Quoted(name), kTopic);
	}
}

void
Drop(const std::string &name)
{
	Oid caller = GetUserId();
	ByIndex as_owner;
	Consumer consumer = Consumer::Open(name, caller);
	pg::Spi spi;
	pg::Spi::Parameter parameters[] = {{INT4OID, Int32GetDatum(consumer.id)}};
	spi.Execute(drop_plan, kDrop, parameters, pg::Spi::Planned::kGeneric);
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(create_consumer);

PGDLLEXPORT Datum
create_consumer(PG_FUNCTION_ARGS)
{
	pg::Entry([&] {
		static constexpr const char *kNames[] = {"name", "filter", "start", "max_attempts"};
		for (int i = 0; i < 4; i++)
			Require(fcinfo, i, kNames[i]);
		Filter filter = ReadFilter(core::JsonbContainer(JsonbArgument(fcinfo, 1)));
		Create(TextArgument(fcinfo, 0), filter, TextArgument(fcinfo, 2), PG_GETARG_INT32(3));
		WarnOfWhatIsNotTold(filter);
	});
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(drop_consumer);

PGDLLEXPORT Datum
drop_consumer(PG_FUNCTION_ARGS)
{
	pg::Entry([&] {
		Require(fcinfo, 0, "name");
		Drop(TextArgument(fcinfo, 0));
	});
	PG_RETURN_VOID();
}

} // extern "C"

} // namespace txsync::api
