#pragma once
// How a change is told: from the rows of one WAL change to a line.

#include "core/change.h"
#include "core/control.h"
#include "core/message.h"
#include "core/versions.h"
#include "decoder/options.h"
#include "decoder/plan.h"
#include "decoder/row.h"
#include "decoder/sink.h"
#include "decoder/transaction.h"
#include "decoder/values.h"

namespace txsync::decoder {

class Teller
{
public:
	Teller(const Options &options, Values &values, Sink &sink)
		: options_(options)
		, values_(values)
		, sink_(&sink)
	{}

	void
	Redirect(Sink &sink)
	{
		sink_ = &sink;
	}

	// The transaction that what follows belongs to, and the (sub)transaction of the next change.
	void
	Enter(Transaction &transaction)
	{
		transaction_ = &transaction;
	}
	void
	EnterSubtransaction(TransactionId xid)
	{
		xid_ = xid;
	}

	void Insert(Plan &plan, const Row &after);
	void Update(Plan &plan, const Row &before, const Row &after);
	void Delete(Plan &plan, const Row &before);

	// An update that brings a row into what the subscriber sees, or takes it out.
	void Appear(Plan &plan, const Row &before, const Row &after);
	void Disappear(Plan &plan, const Row &before, const Row &after);

	// All of an entity type is gone; or, when only some of its partitions were emptied, it is not known which are.
	void Truncate(const Plan &plan, bool whole);

	// Another's logical message.
	void Message(std::string_view prefix, std::string_view content);

	// What emit() said.
	void Event(const core::Event &event);

	// An entity that reshare() or backfill() names: without its content, which the message does not have.
	void Visibility(const Plan &plan, const core::ListedEntity &entity);
	void Backfilled(const Plan &plan, const core::ListedEntity &entity);

	// A delete that was kept back as half of a move goes out now: its other half did not come.
	void FlushMove();

private:
	// Whose the tx of a row is.
	enum class Provenance
	{
		kThisChange,
		kLeftover, // an earlier change's
		kUnknown,
	};

	void KeyChange(Plan &plan, const Row &before, const Row &after);

	// An update that is told as the end of one entity, or as the beginning of one.
	void TellAsDelete(Plan &plan, const Row &before, const Row &after, Provenance provenance, bool same_entity);
	void TellAsCreate(Plan &plan, const Row &after, Provenance provenance, core::ValueWriter old_key);

	core::Change Describe(core::Action action);
	core::Change Describe(const Plan &plan, core::Action action);
	core::Change DescribeListed(const Plan &plan, core::Action action, const core::ListedEntity &entity);
	void DescribeEntity(core::Change &change, const Plan &plan, const Row &row);
	void DescribeId(core::Change &change, const Plan &plan, const Row &row);
	void DescribeOrganization(core::Change &change, const Plan &plan, const Row &row);
	void DescribeUnchanged(core::Change &change, Plan &plan, const Row &after);
	void DescribeChanged(core::Change &change, Plan &plan, const Row &before, const Row &after);
	void DescribeTx(core::Change &change, const core::Tx &tx);
	void DescribeHintedTx(core::Change &change, const core::Hint &hint);
	void DescribeHintedVersion(core::Change &change, const core::Hint &hint);
	void DescribeVersionOf(core::Change &change, const Plan &plan, const Row &after);
	void DescribeTxOf(core::Change &change, const Plan &plan, const Row &after, Provenance provenance);
	Provenance ProvenanceOf(const Plan &plan, const Row &before, const Row &after);
	std::string_view OldOrganizationOf(const core::Change &change, const Plan &plan, const Row &before,
									   const Row &keyed);
	const core::Hint *TakeHint(core::Hint::Kind kind, const Plan &plan, const Row &row);
	std::string_view OrganizationOf(const core::Hint &hint);
	std::string_view UntrustedOrNull(std::string_view text);
	std::string_view Origin();

	bool Moves(const core::Change &change) const;
	void KeepMove(const core::Change &change, bool leftover);
	std::string_view TakeMove();
	bool ShowsData(const Plan &plan) const;
	bool ShowsOld(const Plan &plan, const Row &before) const;
	core::Buffer &BeginEntry();
	bool Passes(const core::Change &change, std::string_view old_organization) const;
	void Emit(const core::Change &change, std::string_view old_organization);
	void Tell(const core::Change &change, std::string_view old_organization);

	const Options &options_;
	Values &values_;
	Sink *sink_;
	Transaction *transaction_ = nullptr;
	TransactionId xid_ = InvalidTransactionId;
	core::Buffer id_, key_, organization_, old_organization_;
	std::string last_; // the id of a row's last write
};

} // namespace txsync::decoder
