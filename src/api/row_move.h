#pragma once
// Rows that move to another partition. The server calls the triggers of the UPDATE, of a DELETE of the same row, and of
// an INSERT into the other partition, and tells them no other way.

#include "api/row_table.h"

extern "C" {
#include "utils/rel.h"
}

namespace txsync::api {

// An UPDATE of a partition that keeps the id is about to change this row.
void NoteUpdate(Relation partition, HeapTuple row);

// The versions that an UPDATE gives its row.
void NoteVersions(std::string_view versions);

// Whether a DELETE is the first half of a move: called for the row version that was noted last, in the same
// subtransaction. Should another trigger have kept the update from happening, the decoder finds no insert that goes
// with the delete, and tells it as the delete that it is.
bool Leaves(Relation partition, HeapTuple row);

// Whether an INSERT is the second half of a move: of the versions that the row was given before it left.
bool Arrives(const RowTable &table, TupleDesc desc, HeapTuple row);

} // namespace txsync::api
