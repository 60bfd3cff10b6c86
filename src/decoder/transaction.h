#pragma once
// What is kept of a transaction while its changes are told.

#include "core/buffer.h"
#include "core/datetime.h"
#include "core/position.h"
#include "decoder/hints.h"
#include "pg/server.h"

#include <string>
#include <vector>

extern "C" {
#include "replication/origin.h"
#include "replication/reorderbuffer.h"
}

namespace txsync::decoder {

// The first half of a move between partitions, kept back until the second half or the proof that there is none.
struct Move
{
	bool waits = false;
	std::string entity_type;
	std::string entity_id;
	std::string organization_id;
	bool has_organization = false;            // not null
	bool leftover = false;                    // the tx that the row brings along is not this update's
	TransactionId xid = InvalidTransactionId; // of its (sub)transaction
	core::Buffer entry;                       // the delete, should it turn out to be one
};

// What annotate() said, and in which subtransaction.
struct Annotation
{
	TransactionId subtransaction;
	std::string object; // JSON
};

struct Transaction
{
	TransactionId xid = InvalidTransactionId;
	bool in_progress = false;   // told before its end: its commit is not known yet, if there will be one
	bool told = false;          // anything of it
	bool block_is_open = false; // in progress: a start line stands before what is told, a stop line is due behind
	core::Position position;
	uint32_t row_of_record = 0;
	std::string committed_at; // empty while in progress
	RepOriginId origin_id = InvalidRepOriginId;
	std::string origin;
	Hints hints;
	Move move;
	std::vector<Annotation> annotations;

	// Makes the object anew for another transaction.
	void Begin(const ReorderBufferTXN &txn, bool is_in_progress);

	// What follows carries the object; empty: none. The latest counts, and that of an earlier subtransaction counts
	// again when its own is rolled back: so one of each is kept, or only one when nothing can be.
	void Annotate(TransactionId subtransaction, std::string_view object);

	// Where a change came from. Before the end of a transaction the server knows it only from the changes, and messages
	// have none.
	void SeeOrigin(RepOriginId id);

	// A subtransaction was rolled back after it was told of.
	void Forget(TransactionId subtransaction);

	// The next row of the WAL record at `lsn`. Rows of one record share its LSN; they are counted before anything is
	// left out, so that every subscriber sees the same positions.
	void StepTo(XLogRecPtr lsn, uint32_t row);
	void StepTo(XLogRecPtr lsn);
};

} // namespace txsync::decoder
