#pragma once
// How a change is told: from the rows of one WAL change to a line. One function for each kind of change.

#include "core/message.h"
#include "decoder/describer.h"
#include "decoder/outlet.h"

namespace txsync::decoder {

class Teller
{
public:
	Teller(const Options &options, Values &values, Sink &sink)
		: options_(options)
		, values_(values)
		, describe_(values)
		, out_(options, sink)
	{}

	void
	Redirect(Sink &sink)
	{
		out_.Redirect(sink);
	}

	// The transaction that what follows belongs to, and the (sub)transaction of the next change.
	void
	Enter(Transaction &transaction)
	{
		transaction_ = &transaction;
		describe_.Enter(transaction);
		out_.Enter(transaction);
	}
	void
	EnterSubtransaction(TransactionId xid)
	{
		describe_.EnterSubtransaction(xid);
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
	void
	FlushMove()
	{
		out_.FlushMove();
	}

private:
	void KeyChange(Plan &plan, const Row &before, const Row &after);

	// An update that is told as the end of one entity, or as the beginning of one.
	void TellAsDelete(Plan &plan, const Row &before, const Row &after, Provenance provenance, bool same_entity);
	void TellAsCreate(Plan &plan, const Row &after, Provenance provenance, core::ValueWriter old_key);

	core::Change Listed(const Plan &plan, core::Action action, const core::ListedEntity &entity);
	bool ShowsData(const Plan &plan) const;
	bool ShowsOld(const Plan &plan, const Row &before) const;

	const Options &options_;
	Values &values_;
	Transaction *transaction_ = nullptr;
	Describer describe_;
	Outlet out_;
};

} // namespace txsync::decoder
