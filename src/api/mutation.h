#pragma once
// Mutations: one client write, claimed once and declared for what the transaction writes from here on.

#include "core/tx.h"
#include "pg/server.h"

#include <optional>

namespace txsync::api {

enum class Begun : uint8_t
{
	kNew,
	kDuplicate, // nothing is to be written: tracked tables refuse it until the next begin
};

// The entity that a mutation is for; data() == nullptr: the first row that it writes.
struct Named
{
	std::string_view entity_type = {};
	std::string_view entity_id = {};
};

// Claims the id and declares the tx. `request` is a digest of what else the client asked for, or empty. Fails with
// INVALID_TX, TOO_OLD, DUPLICATE_MISMATCH, UNKNOWN_ENTITY_TYPE.
Begun BeginMutation(const core::Tx &tx, const Named &named, std::string_view request);

// Keeps a result (jsonb) for those who come with the same id later.
void FinishMutation(Datum result);

void EndMutation();

// What was kept by whoever was first, after kDuplicate.
std::optional<Datum> StoredResult();

// And the entity that it was for.
struct DuplicateOf
{
	std::string entity_type;
	std::string entity_id;
};
std::optional<DuplicateOf> StoredEntity();

// Throws INVALID_TX for what is wrong with the members of a tx.
void RequireValid(const core::Tx &tx);

// `what` is wrong with a tx: the error that names the member.
[[noreturn]] void RefuseTx(const std::string &what);

} // namespace txsync::api
