#pragma once
// One decoding session: what the output plugin keeps from its startup to its shutdown.

#include "core/change.h"
#include "core/datetime.h"
#include "decoder/hints.h"
#include "decoder/options.h"
#include "decoder/output.h"
#include "decoder/plan.h"
#include "decoder/row.h"
#include "decoder/values.h"

#include <optional>
#include <string>

extern "C" {
#include "replication/logical.h"
#include "replication/origin.h"
#include "replication/reorderbuffer.h"
}

namespace txsync::decoder {

class Session
{
public:
	Session(LogicalDecodingContext *context, const Options &options);

	void Begin(ReorderBufferTXN *txn);
	void Change(Relation relation, ReorderBufferChange *change);
	void Message(std::string_view prefix, std::string_view message);
	void Commit();

private:
	// The first half of a move between partitions, kept back until the second half or the proof that there is none.
	struct Move
	{
		bool waits = false;
		std::string entity_type;
		std::string entity_id;
		std::optional<std::string> organization_id;
		std::string line; // the delete, should it turn out to be one
	};

	void Insert(Plan &plan, const Row &after);
	void Update(Plan &plan, const Row &before, const Row &after);
	void Delete(Plan &plan, const Row &before);
	void KeyChange(Plan &plan, const Row &before, const Row &after);

	core::Change Describe(const Plan &plan, core::Action action);
	void DescribeEntity(core::Change &change, const Plan &plan, const Row &row);
	void DescribeUnchanged(core::Change &change, Plan &plan, const Row &after);
	void DescribeChanged(core::Change &change, Plan &plan, const Row &before, const Row &after);
	void DescribeTx(core::Change &change, const core::Tx &tx);
	void DescribeTxOf(core::Change &change, const Plan &plan, const Row &after);
	bool IsLeftover(core::Change &change, const Plan &plan, const Row &before, const Row &after);
	std::string_view OldOrganizationOf(const core::Change &change, const Plan &plan, const Row &before,
									   const Row &keyed);
	const core::Hint *TakeHint(core::Hint::Kind kind, const Plan &plan, const Row &row);
	std::string_view OrganizationOf(const core::Hint &hint, const Plan &plan, core::Buffer &out);
	std::string_view Origin();

	bool Moves(const core::Change &change) const;
	void KeepMove(const core::Change &change);
	std::string_view TakeMove();
	void FlushMove();
	void Emit(const core::Change &change);

	MemoryContext memory_;
	Values values_;
	Plans plans_;
	Output output_;
	Hints hints_;
	Move move_;

	// Of the transaction and of the change that are being decoded.
	core::Position position_;
	uint32_t changes_of_record_ = 0;
	RepOriginId origin_id_ = InvalidRepOriginId;
	std::string origin_;
	char committed_at_[core::kMaxDateTime] = {};
	size_t committed_at_length_ = 0;
	core::Buffer id_, key_, organization_, old_organization_;
};

} // namespace txsync::decoder
