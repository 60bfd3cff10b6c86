#pragma once
// Rows of the changelog. It is closed to all but its owner: what others may know of one is for api/tell.h.

#include "core/activity.h"
#include "core/filter.h"
#include "pg/spi.h"

namespace txsync::api {

// Texts are in the database's encoding and in memory of the context that was current when it was read.
struct Activity : core::Activity
{
	int64_t id = 0;
};

// What a reader asks for; nothing: all there is.
struct Filter
{
	std::optional<core::NameSet> entity_types; // and topics of events
	std::optional<core::NameSet> organizations;
};

// Those behind one and up to another, in order of their ids, at most so many; of the filter's organizations only, but
// for truncates and changes of visibility, which are for all.
std::vector<Activity> ActivitiesBetween(int64_t after, int64_t last, const Filter &filter, int64_t limit);

// Those of the ids that are still there, in order of their ids.
std::vector<Activity> ActivitiesAt(std::span<const int64_t> ids);

// Takes away those that a later one, up to `last`, makes superfluous for whoever wants to know entities as they are: of
// the same entity, and told to readers of the same organizations.
void DropSuperseded(std::vector<Activity> &activities, int64_t last);

// Whether between the two something of what the filter lets pass was lost.
bool HasHole(int64_t after, int64_t last, const Filter &filter);

// Whether any event has the topic.
bool IsTopic(std::string_view name);

} // namespace txsync::api
