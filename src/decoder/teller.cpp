#include "decoder/teller.h"

#include "core/nullable.h"
#include "decoder/members.h"

#include <algorithm>

namespace txsync::decoder {

using core::Action;
using core::Hint;

namespace {

bool
KeyDiffers(Values &values, const Plan &plan, const Row &before, const Row &after)
{
	return std::any_of(plan.ids.begin(), plan.ids.end(),
					   [&](const Column &id) { return Differs(values, id, before, after); });
}

} // namespace

void
Teller::Insert(Plan &plan, const Row &after)
{
	core::Change change = describe_.Begin(Action::kCreate, plan.entity_type);
	describe_.Entity(change, plan, after);
	OldOrganization old{plan.org, change.organization_id};
	bool leftover = false;
	if (out_.Moves(change)) {
		change.action = Action::kUpdate;
		leftover = transaction_->move.leftover;
		old.text = out_.TakeMove();
	}
	if (!core::AreSame(old.text, change.organization_id))
		change.old = core::ValueWriter(old);
	describe_.Tx(change, plan, after, leftover ? Provenance::kLeftover : Provenance::kThisChange);
	describe_.Version(change, plan, after);
	Members data{values_, plan.columns, after};
	if (ShowsData(plan))
		change.data = core::ValueWriter(data);
	out_.Emit(change, old.text);
}

void
Teller::Update(Plan &plan, const Row &before, const Row &after)
{
	if (before && KeyDiffers(values_, plan, Named(plan, before, after), after)) {
		KeyChange(plan, before, after);
		return;
	}
	core::Change change = describe_.Begin(Action::kUpdate, plan.entity_type);
	describe_.Entity(change, plan, after);
	describe_.Unchanged(change, plan, after);
	describe_.Changed(change, plan, before, after);
	OldOrganization old{plan.org, describe_.OldOrganization(change, plan, before, after)};
	if (!core::AreSame(old.text, change.organization_id))
		change.old = core::ValueWriter(old);
	Members old_row{values_, plan.columns, before, Members::Which::kIdentity};
	if (ShowsOld(plan, before))
		change.old = core::ValueWriter(old_row);
	describe_.Tx(change, plan, after, describe_.ProvenanceOf(plan, before, after));
	describe_.Version(change, plan, after);
	bool only_changed = options_.include_data == Options::Data::kChanged && change.changed_keys.known;
	Members data{values_, plan.columns, after, only_changed ? Members::Which::kChanged : Members::Which::kAll};
	if (ShowsData(plan))
		change.data = core::ValueWriter(data);
	out_.Emit(change, old.text);
}

// An entity that gets another id is one that goes and one that comes.
void
Teller::KeyChange(Plan &plan, const Row &before, const Row &after)
{
	Provenance provenance = describe_.ProvenanceOf(plan, before, after);
	TellAsDelete(plan, before, after, provenance, false);
	transaction_->position.row++;
	Members old_key{values_, plan.ids, before};
	TellAsCreate(plan, after, provenance, core::ValueWriter(old_key));
}

void
Teller::Appear(Plan &plan, const Row &before, const Row &after)
{
	TellAsCreate(plan, after, describe_.ProvenanceOf(plan, before, after), {});
}

void
Teller::Disappear(Plan &plan, const Row &before, const Row &after)
{
	TellAsDelete(plan, before, after, describe_.ProvenanceOf(plan, before, after), true);
}

void
Teller::TellAsDelete(Plan &plan, const Row &before, const Row &after, Provenance provenance, bool same_entity)
{
	core::Change change = describe_.Begin(Action::kDelete, plan.entity_type);
	const Row &named = Named(plan, before, after);
	describe_.Id(change, plan, named);
	if (plan.org && plan.org->identity) {
		describe_.Organization(change, plan, before);
	} else {
		describe_.Organization(change, plan, after);
		change.organization_id = describe_.OldOrganization(change, plan, Row(), named);
	}
	describe_.Tx(change, plan, after, provenance);
	describe_.Version(change, plan, after);
	if (!same_entity)
		change.row_version = 0; // what the row has is the new entity's
	Members old_row{values_, plan.columns, before, Members::Which::kIdentity};
	if (ShowsOld(plan, before))
		change.old = core::ValueWriter(old_row);
	out_.Emit(change, change.organization_id);
}

void
Teller::TellAsCreate(Plan &plan, const Row &after, Provenance provenance, core::ValueWriter old_key)
{
	core::Change change = describe_.Begin(Action::kCreate, plan.entity_type);
	describe_.Entity(change, plan, after);
	describe_.Unchanged(change, plan, after);
	describe_.Tx(change, plan, after, provenance);
	describe_.Version(change, plan, after);
	change.old_key = old_key;
	Members data{values_, plan.columns, after};
	if (ShowsData(plan))
		change.data = core::ValueWriter(data);
	out_.Emit(change, change.organization_id);
}

void
Teller::Delete(Plan &plan, const Row &before)
{
	core::Change change = describe_.Begin(Action::kDelete, plan.entity_type);
	Row named = plan.ids_in_identity ? before : Row();
	if (named)
		describe_.Id(change, plan, named);
	if (before)
		describe_.Organization(change, plan, before);
	const Hint *move = describe_.TakeHint(Hint::Kind::kMove, plan, named);
	const Hint *hint = move != nullptr ? move : describe_.TakeHint(Hint::Kind::kDelete, plan, named);
	if (hint != nullptr)
		describe_.Hinted(change, plan, *hint);
	Members old_row{values_, plan.columns, before, Members::Which::kIdentity};
	if (ShowsOld(plan, before))
		change.old = core::ValueWriter(old_row);
	if (move != nullptr)
		out_.KeepMove(change, describe_.TakeHint(Hint::Kind::kLeftover, plan, named) != nullptr);
	else
		out_.Emit(change, change.organization_id);
}

void
Teller::Truncate(const Plan &plan, bool whole)
{
	if (transaction_->move.waits && transaction_->move.entity_type == plan.entity_type)
		out_.FlushMove();
	out_.Emit(describe_.Begin(whole ? Action::kTruncate : Action::kGap, plan.entity_type), {});
}

bool
Teller::ShowsData(const Plan &plan) const
{
	if (options_.include_data == Options::Data::kNotified)
		return !plan.withheld && plan.notify_full;
	return !plan.withheld && options_.include_data != Options::Data::kNone;
}

bool
Teller::ShowsOld(const Plan &plan, const Row &before) const
{
	return options_.include_old && before && !plan.withheld;
}

} // namespace txsync::decoder
