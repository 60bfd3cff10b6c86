#pragma once
// What may keep anybody from reading, and is no error then.

#include "api/entity_id.h"

#include <functional>

namespace txsync::api {

// Whether an error of an id, or of access rules, has this SQLSTATE.
bool KeepsFromReading(int sqlstate);

// Runs `read` in a subtransaction. What keeps the caller, or anybody, from reading, as its SQLSTATE tells, is no error:
// nothing was read then, and the SQLSTATE is returned; 0 if there was nothing.
int TryRead(const std::function<void()> &read, bool (*keeps_from_reading)(int sqlstate) = KeepsFromReading);

// Those of some ids that are ids, each with its place among them. Others are asked for, or a column has got another
// type since they were told.
struct Keys
{
	std::vector<EntityKey> keys;
	std::vector<size_t> places;
};

Keys ReadKeys(const IdReader &reader, std::span<const std::string_view> ids);

} // namespace txsync::api
