#pragma once
// Does a client know what it is about to overwrite? The answer is true until the transaction ends: the row is locked.

#include "api/entity.h"
#include "core/conflict.h"

namespace txsync::api {

// Texts with data() == nullptr are null. Without a field: an update of the row as a whole.
struct Expectation
{
	std::string_view field;
	std::string_view transaction_id;
	core::Attempt::Kind kind = core::Attempt::Kind::kUpdate;
	std::span<const std::string_view> replaces = {};
};

// What whoever is refused is to do.
inline constexpr char kReadAgain[] = "Read the entity again, and decide with what it is now.";

// FIELD_CONFLICT. `server_id`: empty if none is known.
pg::Failure FieldConflict(std::string_view entity_type, std::string_view entity_id, const Expectation &expectation,
						  std::string_view server_id);

// The rule. Fails with UNKNOWN_FIELD.
core::Verdict Judge(const Entity &entity, const core::EntityState &state, const Expectation &expectation);

// Locks the row. Fails with UNKNOWN_FIELD.
core::Verdict FindConflict(const Entity &entity, std::string_view entity_id, const Expectation &expectation);

// Throws FIELD_CONFLICT.
void RequireNoConflict(const Entity &entity, std::string_view entity_id, const Expectation &expectation);

} // namespace txsync::api
