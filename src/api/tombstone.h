#pragma once
// txsync.tombstone: what was deleted, so that a late write to it is a conflict and not a surprise.

#include "core/stamp.h"
#include "pg/call.h"

#include <optional>
#include <string>

namespace txsync::api {

// A text with data() == nullptr is null.
struct Tombstone
{
	std::string_view entity_type;
	std::string_view entity_id;
	std::string_view organization_id = {};
	std::string_view transaction_id; // that deleted it
	core::Stamp stamp = {};
	uint64_t row_version = 0;
};

// Writes it, in place of an older one of the same entity.
void Bury(const Tombstone &tombstone);

// What is known of an entity's deletion: its transaction_id and organization_id, in the current memory context.
std::optional<Tombstone> TombstoneOf(std::string_view entity_type, std::string_view entity_id);

// What an entity that comes again goes on from.
struct LastLife
{
	uint64_t row_version = 0; // the deletion included; 0: it had none
	core::Stamp stamp;
};

// Whether any entity ever was: in most databases and for most inserts that is all there is to ask.
bool AnythingIsBuried();

// After waiting for whoever is about to delete it.
LastLife LastLifeOf(std::string_view entity_type, std::string_view entity_id);

} // namespace txsync::api
