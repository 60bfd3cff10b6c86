#pragma once
// What a reader is told of activities: what the current role may know of them and of their entities, now.

#include "api/activity.h"
#include "api/json_object.h"

namespace txsync::api {

// An activity as it may be told: what is not for the reader is gone from it. `data` is the entity now, or of an event
// what it says; null: the reader is to remove what he has of the entity, unless it is truncated.
struct Told : Activity
{
	std::string_view versions = {}; // JSON, of an entity that is there
	bool truncated = false;         // the entity is there, but no text can hold it
};

// Those that may be told, in their order, as the current role; `filter` is what the reader asked for. An error in a
// policy, or in a table's delete_visible, is one of the call.
std::vector<Told> Tell(std::span<const Activity> activities, const Filter &filter);

// Whether the current role may be told of events: it may read their view.
bool MayReadEvents();

// One change in the one shape, in the database's encoding. Data that does not fit is left out, as too large a
// record is in the stream.
void Write(core::Buffer &out, const Told &told, const Fits &fits);

} // namespace txsync::api
