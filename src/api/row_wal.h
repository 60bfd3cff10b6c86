#pragma once
// What the WAL of a row must have for the decoder, and what it is told beside it, in a logical message just before the
// row.

#include "api/row_table.h"
#include "core/message.h"

extern "C" {
#include "commands/trigger.h"
}

namespace txsync::api {

// A value that stays in the TOAST table would not be in the WAL of this change: it is stored anew.
HeapTuple WithInWal(HeapTuple row, TupleDesc desc, Attribute attribute);

// What names the entity and whose it is, where the server does not log it with the old row.
HeapTuple WithEntityInWal(HeapTuple row, TupleDesc desc, const RowTable &table);

// The hint goes by the row that is there before the write.
void LogHint(const TriggerData &data, const RowTable &table, core::Hint hint);

// Of an update that may change it.
void LogOldOrganization(const TriggerData &data, const RowTable &table);

// That of a row that goes, if it must be told.
std::optional<std::string> OrganizationToTell(const RowTable &table, TupleDesc desc, HeapTuple row);

} // namespace txsync::api
