#include "api/consumer.h"

#include "api/entity.h"
#include "api/spi_value.h"
#include "api/table.h"

extern "C" {
#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "utils/acl.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
}

namespace txsync::api {

namespace {

constexpr char kOpen[] = "SELECT c.id, c.creator, c.entity_types, c.organizations, c.max_attempts, c.position,"
						 " c.read_to, c.last_delivery, c.expired FROM txsync.consumer c"
						 " WHERE c.name OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE";
constexpr char kSave[] = "UPDATE txsync.consumer SET position = $2, read_to = $3, last_delivery = $4"
						 " WHERE id OPERATOR(pg_catalog.=) $1 AND (position, read_to, last_delivery)"
						 " OPERATOR(pg_catalog.<>) ($2, $3, $4)";

constinit SPIPlanPtr open_plan = nullptr;
constinit SPIPlanPtr save_plan = nullptr;

// How long a delivery waits after its first attempt; doubled with each other one.
constexpr TimestampTz kFirstWait = USECS_PER_SEC;
constexpr TimestampTz kLongestWait = 600 * USECS_PER_SEC;

TimestampTz
WaitAfter(int32_t attempts)
{
	constexpr int32_t kDoublings = 10; // beyond the longest
	return std::min(kFirstWait << std::min(attempts - 1, kDoublings), kLongestWait);
}

bool
IsMember(Oid caller, Oid creator)
{
	return pg::Call([&] { return has_privs_of_role(caller, creator); });
}

std::optional<core::NameSet>
Names(uint64_t row, int column)
{
	std::optional<std::vector<std::string>> texts = Texts(row, column);
	return texts ? std::optional(core::NameSet(std::move(*texts))) : std::nullopt;
}

} // namespace

Consumer
Consumer::Open(const std::string &name, Oid caller)
{
	pg::Spi spi;
	pg::Spi::Parameter parameters[] = {TextParameter(name)};
	if (spi.Execute(open_plan, kOpen, parameters) == 0)
		throw pg::Failure{ERRCODE_UNDEFINED_OBJECT,
						  "there is no consumer " + Quoted(name),
						  {},
						  "txsync.consumers lists those that there are; txsync.create_consumer() adds one."};
	auto id = static_cast<int32_t>(Number(0, 1));
	auto creator = static_cast<Oid>(Number(0, 2));
	Consumer consumer{name,
					  id,
					  creator,
					  {Names(0, 3), Names(0, 4)},
					  static_cast<int32_t>(Number(0, 5)),
					  Number(0, 6),
					  Number(0, 7),
					  Number(0, 8),
					  Number(0, 9) != 0,
					  {},
					  Queue(id),
					  DeadLetters(id),
					  GetCurrentTimestamp()};
	if (!IsMember(caller, creator)) {
		consumer.RequireCreator();
		throw pg::Failure{ERRCODE_INSUFFICIENT_PRIVILEGE, "permission denied for consumer " + Quoted(name),
						  "It is for members of the role that created it."};
	}
	consumer.leases = Leases::Load(id);
	return consumer;
}

void
Consumer::RequireCreator() const
{
	if (!pg::Call([&] { return SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(creator)); }))
		throw pg::Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						  "the role that created consumer " + Quoted(name) + " was dropped",
						  "A consumer is told what that role may read.",
						  "A superuser can drop it with txsync.drop_consumer(); another role can create it then."};
}

void
Consumer::PutBack(std::span<const Delivery> failed, std::optional<TimestampTz> due,
				  const std::optional<std::string> &error)
{
	std::vector<Queue::Waiting> waiting;
	std::vector<Delivery> dead;
	Entities done;
	for (const Delivery &delivery : failed) {
		if (IsLast(delivery)) {
			dead.push_back(delivery);
			done.insert(delivery.entity);
		} else {
			waiting.push_back({delivery, due.value_or(now + WaitAfter(delivery.attempts))});
		}
	}
	queue.Add(waiting);
	dead_letters.Add(dead, error, now);
	queue.Advance(done, now);
}

void
Consumer::Save()
{
	leases.Save();
	// What was dead and is given again is behind it: that is not held.
	int64_t done = read_to;
	for (std::optional<int64_t> open : {leases.Oldest(), queue.Oldest()})
		done = std::min(done, open.value_or(done + 1) - 1);
	position = std::max(position, done);
	pg::Spi spi;
	pg::Spi::Parameter parameters[] = {{INT4OID, Int32GetDatum(id)},
									   {INT8OID, Int64GetDatum(position)},
									   {INT8OID, Int64GetDatum(read_to)},
									   {INT8OID, Int64GetDatum(last_delivery)}};
	spi.Execute(save_plan, kSave, parameters);
}

} // namespace txsync::api
