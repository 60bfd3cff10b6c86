#pragma once
// An op as one statement on its table, run as the caller.

#include "api/target.h"
#include "core/op.h"

namespace txsync::api {

// The values of the id columns.
using Key = std::vector<pg::Spi::Parameter>;

// Fails if the text names no entity of this type.
Key KeyOf(Target &target, std::string_view entity_id);

// What a statement made of a row, as far as the caller may read it. Memory of the current context.
struct Written
{
	bool found = false;
	std::optional<Datum> entity;   // jsonb; of a delete, as it was
	std::optional<Datum> versions; // as stored
	std::optional<Datum> before;   // jsonb: the field as it was, of an update that sets it
};

Written Create(Target &target, const Key &key, const core::Op &op);
Written Update(Target &target, const Key &key, const core::Op &op);
Written Delete(Target &target, const Key &key);

// Fails where what was written up to now breaks a constraint that is only looked at when the transaction ends.
void CheckDeferred(const Target &target);

} // namespace txsync::api
