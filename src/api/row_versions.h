#pragma once
// The versions of a row, as the row trigger keeps them.

#include "api/author.h"
#include "api/row_table.h"
#include "core/buffer.h"
#include "core/versions.h"

namespace txsync::api {

// The versions that a row has. `store` keeps what is not in the row.
core::Versions VersionsOf(core::Buffer &store, const RowTable &table, TupleDesc desc, HeapTuple row);

// Appends those of a row that comes. There are none where its tx says all that there is to say. An entity that comes
// again goes on from its last life: who knows that would otherwise take this one for it.
void StartVersions(core::Buffer &out, const RowTable &table, TupleDesc desc, HeapTuple row, const Author &author);

// Appends those of a row that is updated. An op that is being applied sees those that it has.
void AdvanceVersions(core::Buffer &out, const RowTable &table, TupleDesc desc, HeapTuple before, HeapTuple after,
					 const Author &author);

// Remembers an entity that goes, with its versions.
void BuryRow(const RowTable &table, TupleDesc desc, HeapTuple row, const Author &author,
			 const core::Versions &versions);

} // namespace txsync::api
