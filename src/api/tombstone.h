#pragma once
// txsync.tombstone: what was deleted, so that a late write to it is a conflict and not a surprise.

#include "core/versions.h"
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

// How often the entity's row had been written in its last life, the deletion included; 0 if it never had one.
uint64_t BuriedRowVersion(std::string_view entity_type, std::string_view entity_id);

} // namespace txsync::api
