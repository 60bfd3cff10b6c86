#include "api/consumer_settle.h"

#include <algorithm>

namespace txsync::api {

namespace {

// Of an id that nobody has.
const char *
StatusOf(const Consumer &consumer, int64_t id)
{
	return id > 0 && id <= consumer.last_delivery ? "expired" : "unknown";
}

// What is behind `status` where `taken` has the id.
void
Mark(Statuses &statuses, std::span<const int64_t> ids, std::span<const Delivery> taken, const char *status)
{
	for (const Delivery &delivery : taken)
		statuses[static_cast<size_t>(std::ranges::find(ids, delivery.id) - ids.begin())] = status;
}

} // namespace

Statuses
Acknowledge(Consumer &consumer, std::span<const int64_t> ids)
{
	Statuses statuses;
	Entities done;
	std::vector<int64_t> others;
	for (int64_t id : ids) {
		std::optional<Delivery> delivery = consumer.leases.Take(id);
		statuses.push_back(delivery ? "acked" : StatusOf(consumer, id));
		if (delivery)
			done.insert(delivery->entity);
		else
			others.push_back(id);
	}
	consumer.queue.Advance(done, consumer.now);
	Mark(statuses, ids, consumer.dead_letters.Take(others), "acked");
	return statuses;
}

Statuses
Refuse(Consumer &consumer, std::span<const int64_t> ids, std::optional<TimestampTz> delay,
	   const std::optional<std::string> &error)
{
	Statuses statuses;
	std::vector<Delivery> failed;
	for (int64_t id : ids) {
		std::optional<Delivery> delivery = consumer.leases.Take(id);
		if (delivery)
			failed.push_back(*delivery);
		statuses.push_back(!delivery ? StatusOf(consumer, id) : consumer.IsLast(*delivery) ? "dead" : "waiting");
	}
	consumer.PutBack(failed, delay, error);
	return statuses;
}

Statuses
Replay(Consumer &consumer, std::span<const int64_t> ids)
{
	Statuses statuses(ids.size(), "unknown");
	std::vector<int64_t> gone = consumer.dead_letters.Gone(ids);
	std::vector<int64_t> live;
	for (size_t i = 0; i < ids.size(); i++) {
		if (std::ranges::find(gone, ids[i]) == gone.end())
			live.push_back(ids[i]);
		else
			statuses[i] = "gone";
	}
	std::vector<Delivery> replayed = consumer.dead_letters.Take(live);
	Mark(statuses, ids, replayed, "replayed");
	std::ranges::sort(replayed, {}, &Delivery::activity);
	Entities open = consumer.leases.Open();
	Entities entities;
	for (const Delivery &delivery : replayed)
		entities.insert(delivery.entity);
	open.merge(consumer.queue.Among(entities));
	std::vector<Queue::Waiting> waiting;
	for (const Delivery &delivery : replayed) {
		bool is_free = open.insert(delivery.entity).second;
		waiting.push_back({delivery, is_free ? std::optional(consumer.now) : std::nullopt});
	}
	consumer.queue.Add(waiting);
	return statuses;
}

} // namespace txsync::api
