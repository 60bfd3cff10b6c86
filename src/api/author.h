#pragma once
// Whose a write is: a mutation's that was declared, one that the row itself names, or nobody's.

#include "api/declaration.h"
#include "api/row_table.h"
#include "core/tx.h"
#include "core/stamp.h"

namespace txsync::api {

struct Author
{
	core::Tx tx;         // null: the write declares nothing
	Datum jsonb = 0;     // the tx to be stored with the row; 0: null
	std::string_view id; // that the write gives to what it changes: the tx's, or one of the server's own
	core::Stamp time;
};

// One call of the row trigger.
struct TriggeredWrite
{
	const RowTable &table;
	TupleDesc desc;
	HeapTuple before; // null for an INSERT
	HeapTuple after;  // null for a DELETE

	bool
	IsUpdate() const
	{
		return before != nullptr && after != nullptr;
	}

	// By which the write names the entity.
	HeapTuple
	Row() const
	{
		return after != nullptr ? after : before;
	}
};

// Claims the transactionId where the row names one that is new. Views into memory of the statement. Fails with
// DUPLICATE_TRANSACTION, TX_MISMATCH, INVALID_TX, and as ClaimId() does.
Author AuthorOf(const TriggeredWrite &write);

// What is written without a row: the tx that was declared, or none; without a changedField. A mutation has written
// something then. Fails with DUPLICATE_TRANSACTION.
core::Tx AuthorOfEvent();

// Throws DUPLICATE_TRANSACTION, for a write behind such an answer.
[[noreturn]] void RefuseDuplicate(const Declaration &declared);

} // namespace txsync::api
