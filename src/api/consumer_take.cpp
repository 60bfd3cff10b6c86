#include "api/consumer_take.h"

#include "api/changelog.h"
#include "api/errors.h"
#include "api/entity.h"
#include "api/table.h"
#include "api/tell.h"

#include <algorithm>

extern "C" {
#include "common/hashfn.h"
}

namespace txsync::api {

namespace {

// A truncation concerns all entities: it waits for what came before it, and what comes behind waits for it.
constexpr int64_t kAllEntities = 0;

// So many activities are looked at in one call where next to nothing is told.
constexpr int64_t kLooks = 50'000;
constexpr int kTurns = 500;
constexpr int64_t kSmallestBatch = 100;
constexpr int64_t kLargestBatch = 2'000;

int64_t
EntityOf(const Activity &activity)
{
	if (activity.action == core::Action::kTruncate)
		return kAllEntities;
	std::string name(activity.entity_type);
	name += '\0';
	name += activity.entity_id;
	uint64 hash =
		hash_bytes_extended(reinterpret_cast<const unsigned char *>(name.data()), static_cast<int>(name.size()), 0);
	return hash == 0 ? 1 : static_cast<int64_t>(hash);
}

void
RequireAlive(const Consumer &consumer, const Extent &extent)
{
	if (consumer.HasExpired(extent))
		throw Fail(errors::kCursorExpired, "consumer " + Quoted(consumer.name) + " has expired",
				   {{"activityId", consumer.position}},
				   "What it has not read is not kept any more. Read what there is with txsync.snapshot(); then drop it,"
				   " and create it to go on from the snapshot's cursor.");
	RequireWhole(consumer.position, extent, consumer.filter);
}

class Taking
{
public:
	Taking(Consumer &consumer, const ByIndex &by_index, const Extent &extent, size_t max)
		: consumer_(consumer)
		, by_index_(by_index)
		, extent_(extent)
		, max_(max)
		, open_(consumer.leases.Open())
	{}

	std::vector<Given>
	Take(TimestampTz until)
	{
		ReadAgain();
		ReadOn();
		std::vector<Delivery> deliveries;
		for (Given &given : given_) {
			given.delivery.id = NextId();
			given.delivery.attempts++;
			deliveries.push_back(given.delivery);
		}
		consumer_.leases.Add(deliveries, until);
		return std::move(given_);
	}

private:
	// What a crash undoes, clients may still know of: so an id is never below the time in microseconds.
	int64_t
	NextId()
	{
		return consumer_.last_delivery = std::max(consumer_.last_delivery + 1, consumer_.now);
	}

	bool
	IsFull() const
	{
		return given_.size() == max_;
	}

	// As the creator may know of them now.
	std::vector<Told>
	TellCreator(std::span<const Activity> activities) const
	{
		ByIndex::Suspended suspended(by_index_);
		pg::RoleScope as_creator(consumer_.creator);
		return Tell(activities, consumer_.filter);
	}

	void
	Give(const Delivery &delivery, const Told &told)
	{
		// The type json holds all that a text can, together with what else a change tells.
		constexpr size_t kMost = MaxAllocSize - (size_t{64} << 20);
		core::Buffer json;
		Write(json, told, [](std::string_view data) { return data.size() <= kMost; });
		given_.push_back({delivery, TextParameter(json.View()).value});
		open_.insert(delivery.entity);
	}

	// What is due; what may not be told any more is done with.
	void
	ReadAgain()
	{
		for (int turns = kTurns; turns > 0 && !IsFull(); turns--) {
			std::vector<Delivery> due = consumer_.queue.TakeDue(consumer_.now, max_ - given_.size());
			if (due.empty())
				return;
			std::vector<Activity> activities = ActivitiesAt(ActivitiesOf(due));
			Bury(due, activities);
			std::vector<Told> changes = TellCreator(activities);
			auto change = changes.begin();
			Entities done;
			for (const Delivery &delivery : due) {
				if (change != changes.end() && change->id == delivery.activity)
					Give(delivery, *change++);
				else
					done.insert(delivery.entity);
			}
			consumer_.queue.Advance(done, consumer_.now);
		}
	}

	static std::vector<int64_t>
	ActivitiesOf(std::span<const Delivery> deliveries)
	{
		std::vector<int64_t> ids;
		for (const Delivery &delivery : deliveries)
			ids.push_back(delivery.activity);
		return ids;
	}

	// Nothing holds what was replayed in the changelog: what is gone by now is dead again. `found` is in order.
	void
	Bury(std::span<const Delivery> due, std::span<const Activity> found)
	{
		std::vector<Delivery> gone;
		for (Delivery delivery : due) {
			if (std::ranges::binary_search(found, delivery.activity, {}, &Activity::id))
				continue;
			delivery.id = NextId();
			gone.push_back(delivery);
		}
		consumer_.dead_letters.Add(gone, "the changelog does not have it any more", consumer_.now);
	}

	// What is behind that which was looked at.
	void
	ReadOn()
	{
		int64_t batch = std::max(kSmallestBatch, static_cast<int64_t>(max_ - given_.size()));
		for (int64_t looks = kLooks; looks > 0 && !IsFull() && consumer_.read_to < extent_.last_id; looks -= batch) {
			size_t before = given_.size();
			std::vector<Activity> activities =
				ActivitiesBetween(consumer_.read_to, extent_.last_id, consumer_.filter, batch);
			bool is_last = static_cast<int64_t>(activities.size()) < batch;
			if (!Sort(activities))
				return;
			if (!IsFull())
				consumer_.read_to = is_last ? extent_.last_id : activities.back().id;
			if (given_.size() == before)
				batch = std::min(2 * batch, kLargestBatch);
		}
	}

	// Gives what is free, and lets wait what is behind others. False: it cannot go on until those are done with.
	bool
	Sort(std::span<const Activity> activities)
	{
		Entities entities = {kAllEntities};
		for (const Activity &activity : activities)
			entities.insert(EntityOf(activity));
		Entities taken = consumer_.queue.Among(entities);
		taken.insert(open_.begin(), open_.end());
		if (taken.contains(kAllEntities))
			return false;
		std::vector<Told> changes = TellCreator(activities);
		auto change = changes.begin();
		std::vector<Queue::Waiting> behind;
		bool goes_on = true;
		for (const Activity &activity : activities) {
			const Told *told = change != changes.end() && change->id == activity.id ? &*change++ : nullptr;
			Delivery delivery{0, activity.id, EntityOf(activity), 0};
			if (told != nullptr && delivery.entity == kAllEntities) {
				goes_on = false;
				if (!behind.empty() || !open_.empty() || consumer_.queue.Oldest())
					break;
				Give(delivery, *told);
			} else if (told != nullptr && taken.insert(delivery.entity).second) {
				Give(delivery, *told);
			} else if (told != nullptr) {
				behind.push_back({delivery, std::nullopt});
			}
			consumer_.read_to = activity.id;
			if (!goes_on || IsFull())
				break;
		}
		consumer_.queue.Add(behind);
		return goes_on;
	}

	Consumer &consumer_;
	const ByIndex &by_index_;
	const Extent extent_;
	const size_t max_;
	Entities open_; // entities of which somebody has a change
	std::vector<Given> given_;
};

} // namespace

std::vector<Given>
Take(Consumer &consumer, const ByIndex &by_index, size_t max, TimestampTz lease)
{
	consumer.RequireCreator();
	Extent extent = ExtentNow();
	RequireAlive(consumer, extent);
	consumer.PutBack(consumer.leases.TakeExpired(consumer.now), 0, "the lease ran out");
	std::vector<Given> given = Taking(consumer, by_index, extent, max).Take(consumer.now + lease);
	// Who forgets raises the floor first, so what was read until now is whole if that is not beyond the beginning.
	RequireAlive(consumer, ExtentNow());
	return given;
}

} // namespace txsync::api
