#include "decoder/transaction.h"

namespace txsync::decoder {

void
Transaction::Begin(const ReorderBufferTXN &txn, bool is_in_progress)
{
	xid = txn.xid;
	in_progress = is_in_progress;
	told = false;
	block_is_open = false;
	position = {in_progress ? 0 : txn.final_lsn, 0, 0};
	row_of_record = 0;
	committed_at.clear();
	if (!in_progress) {
		char text[core::kMaxDateTime];
		committed_at.assign(text, core::FormatInstant(text, txn.xact_time.commit_time));
	}
	origin_id = txn.origin_id;
	origin.clear();
	hints.Clear();
	move.waits = false;
	annotations.clear();
}

void
Transaction::Annotate(TransactionId subtransaction, std::string_view object)
{
	std::erase_if(annotations, [&](const Annotation &a) { return !in_progress || a.subtransaction == subtransaction; });
	annotations.push_back({subtransaction, std::string(object)});
}

void
Transaction::SeeOrigin(RepOriginId id)
{
	if (origin_id == InvalidRepOriginId)
		origin_id = id;
}

void
Transaction::Forget(TransactionId subtransaction)
{
	std::erase_if(annotations, [&](const Annotation &a) { return a.subtransaction == subtransaction; });
	hints.Forget(subtransaction);
	if (move.xid == subtransaction)
		move.waits = false;
}

void
Transaction::StepTo(XLogRecPtr lsn, uint32_t row)
{
	position.change_lsn = lsn;
	position.row = row;
	row_of_record = row;
}

void
Transaction::StepTo(XLogRecPtr lsn)
{
	StepTo(lsn, lsn == position.change_lsn ? row_of_record + 1 : 0);
}

} // namespace txsync::decoder
