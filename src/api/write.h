#pragma once
// An op as one statement on its table, run as the caller.

#include "api/target.h"
#include "core/op.h"

namespace txsync::api {

// What a statement made of a row, as far as the caller may read it. Memory of the current context.
struct Written
{
	bool found = false;
	std::optional<Datum> entity;   // jsonb; of a delete, as it was
	bool knows_versions = false;   // the caller may read them
	std::optional<Datum> versions; // as stored; of a new row nothing where its tx says it all
};

// Whether the caller may read a column.
bool MayRead(const Target &target, const Column &column);

Written Create(Target &target, const core::Op &op);
Written Update(Target &target, Column &column, const core::Op &op);
Written Delete(Target &target, const core::Op &op);

// Fails where what was written up to now breaks a constraint that is only looked at when the transaction ends.
void CheckDeferred();

} // namespace txsync::api
