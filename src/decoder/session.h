#pragma once
// One decoding session: what the output plugin keeps from its startup to its shutdown, and what becomes of each
// transaction.

#include "decoder/options.h"
#include "decoder/output.h"
#include "decoder/plan.h"
#include "decoder/teller.h"
#include "decoder/transaction.h"
#include "decoder/values.h"
#include "decoder/warnings.h"

#include <memory>
#include <unordered_map>

extern "C" {
#include "replication/logical.h"
#include "replication/reorderbuffer.h"
}

namespace txsync::decoder {

class Session
{
public:
	Session(LogicalDecodingContext *context, Options options);

	// Everything is told to `sink` from now on; of the data, only what notifications show.
	void Redirect(Sink &sink);

	// A transaction that is known to have committed.
	void Begin(ReorderBufferTXN *txn);
	void Commit();

	// One that is told while it goes on, in blocks, until it commits, aborts or is prepared; parts of it may abort
	// before.
	void StartBlock(ReorderBufferTXN *txn);
	void StopBlock();
	void CommitStreamed(ReorderBufferTXN *txn, XLogRecPtr commit_lsn);
	void AbortStreamed(ReorderBufferTXN *txn);

	// One that is prepared: told in a block at its PREPARE, or in several before it.
	void Prepare(ReorderBufferTXN *txn);
	void CommitPrepared(ReorderBufferTXN *txn, XLogRecPtr commit_lsn);
	void RollbackPrepared(ReorderBufferTXN *txn);

	// What happens in the transaction whose block or pass is open.
	void Change(Relation relation, ReorderBufferChange *change);
	void Truncate(Relation *relations, int count, ReorderBufferChange *change);
	void Message(XLogRecPtr lsn, std::string_view prefix, std::string_view message);

	// What belongs to no transaction.
	void MessageAlone(XLogRecPtr lsn, std::string_view prefix, std::string_view message);

	bool RefusesOrigin(RepOriginId origin) const;

private:
	void Enter(Transaction &transaction);
	void TellRow(Plan &plan, const Row &before, const Row &after, ReorderBufferChangeType action);
	void TellPublishedUpdate(Plan &plan, const Row &before, const Row &after);
	void TellSealed(XLogRecPtr lsn, core::Sealed::Kind kind, std::string_view body);
	void TellEntities(XLogRecPtr lsn, core::Sealed::Kind kind, core::Entities entities);

	Options options_;
	MemoryContext memory_;
	Values values_;
	Plans plans_;
	Output output_;
	Sink *sink_ = &output_;
	Teller teller_;
	WarningOfForgery forgery_;

	Transaction whole_; // the one that is told in one pass
	Transaction alone_; // stands in for none
	std::unordered_map<TransactionId, std::unique_ptr<Transaction>> streamed_;
	Transaction *current_ = nullptr;
};

// The session of a context whose plugin is ours.
inline Session &
SessionOf(LogicalDecodingContext *context)
{
	return *static_cast<Session *>(context->output_plugin_private);
}

} // namespace txsync::decoder
