#include "decoder/teller.h"

#include "core/jsonb.h"
#include "decoder/members.h"
#include "pg/compat.h"

namespace txsync::decoder {

using core::Action;
using core::Hint;

namespace {

// What the delete that is half of a move may take before its memory is given back.
constexpr size_t kKeptMoveBytes = size_t{64} << 10;

bool
Same(std::string_view a, std::string_view b)
{
	return (a.data() == nullptr) == (b.data() == nullptr) && a == b;
}

// Whether the WAL has the ids: where the replica identity is another than they, an update leaves a large one behind.
bool
HasKey(const Plan &plan, const Row &row)
{
	return std::none_of(plan.ids.begin(), plan.ids.end(), [&](const Column &id) { return row.IsUnchanged(id); });
}

bool
KeyDiffers(Values &values, const Plan &plan, const Row &before, const Row &after)
{
	return std::any_of(plan.ids.begin(), plan.ids.end(),
					   [&](const Column &id) { return Differs(values, id, before, after); });
}

// The row that tells the id before an update: the new one where the WAL has no old id, as if that had not changed.
const Row &
Named(const Plan &plan, const Row &before, const Row &after)
{
	return before && plan.ids_in_identity ? before : after;
}

} // namespace

// ---- One function for each kind of change

void
Teller::Insert(Plan &plan, const Row &after)
{
	core::Change change = Describe(plan, Action::kCreate);
	DescribeEntity(change, plan, after);
	OldOrganization old{plan.org, change.organization_id};
	bool leftover = false;
	if (Moves(change)) {
		change.action = Action::kUpdate;
		leftover = transaction_->move.leftover;
		old.text = TakeMove();
	}
	if (!Same(old.text, change.organization_id))
		change.old = core::ValueWriter(old);
	DescribeTxOf(change, plan, after, leftover ? Provenance::kLeftover : Provenance::kThisChange);
	DescribeVersionOf(change, plan, after);
	Members data{values_, plan.columns, after};
	if (ShowsData(plan))
		change.data = core::ValueWriter(data);
	Emit(change, old.text);
}

void
Teller::Update(Plan &plan, const Row &before, const Row &after)
{
	if (before && KeyDiffers(values_, plan, Named(plan, before, after), after)) {
		KeyChange(plan, before, after);
		return;
	}
	core::Change change = Describe(plan, Action::kUpdate);
	DescribeEntity(change, plan, after);
	DescribeUnchanged(change, plan, after);
	DescribeChanged(change, plan, before, after);
	OldOrganization old{plan.org, OldOrganizationOf(change, plan, before, after)};
	if (!Same(old.text, change.organization_id))
		change.old = core::ValueWriter(old);
	Members old_row{values_, plan.columns, before, Members::Which::kIdentity};
	if (ShowsOld(plan, before))
		change.old = core::ValueWriter(old_row);
	DescribeTxOf(change, plan, after, ProvenanceOf(plan, before, after));
	DescribeVersionOf(change, plan, after);
	bool only_changed = options_.include_data == Options::Data::kChanged && change.changed_keys.known;
	Members data{values_, plan.columns, after, only_changed ? Members::Which::kChanged : Members::Which::kAll};
	if (ShowsData(plan))
		change.data = core::ValueWriter(data);
	Emit(change, old.text);
}

// An entity that gets another id is one that goes and one that comes.
void
Teller::KeyChange(Plan &plan, const Row &before, const Row &after)
{
	Provenance provenance = ProvenanceOf(plan, before, after);
	TellAsDelete(plan, before, after, provenance, false);
	transaction_->position.row++;
	Members old_key{values_, plan.ids, before};
	TellAsCreate(plan, after, provenance, core::ValueWriter(old_key));
}

void
Teller::Appear(Plan &plan, const Row &before, const Row &after)
{
	TellAsCreate(plan, after, ProvenanceOf(plan, before, after), {});
}

void
Teller::Disappear(Plan &plan, const Row &before, const Row &after)
{
	TellAsDelete(plan, before, after, ProvenanceOf(plan, before, after), true);
}

void
Teller::TellAsDelete(Plan &plan, const Row &before, const Row &after, Provenance provenance, bool same_entity)
{
	core::Change change = Describe(plan, Action::kDelete);
	const Row &named = Named(plan, before, after);
	DescribeId(change, plan, named);
	if (plan.org && plan.org->identity) {
		DescribeOrganization(change, plan, before);
	} else {
		DescribeOrganization(change, plan, after);
		change.organization_id = OldOrganizationOf(change, plan, Row(), named);
	}
	DescribeTxOf(change, plan, after, provenance);
	DescribeVersionOf(change, plan, after);
	if (!same_entity)
		change.row_version = 0; // what the row has is the new entity's
	Members old_row{values_, plan.columns, before, Members::Which::kIdentity};
	if (ShowsOld(plan, before))
		change.old = core::ValueWriter(old_row);
	Emit(change, change.organization_id);
}

void
Teller::TellAsCreate(Plan &plan, const Row &after, Provenance provenance, core::ValueWriter old_key)
{
	core::Change change = Describe(plan, Action::kCreate);
	DescribeEntity(change, plan, after);
	DescribeUnchanged(change, plan, after);
	DescribeTxOf(change, plan, after, provenance);
	DescribeVersionOf(change, plan, after);
	change.old_key = old_key;
	Members data{values_, plan.columns, after};
	if (ShowsData(plan))
		change.data = core::ValueWriter(data);
	Emit(change, change.organization_id);
}

void
Teller::Delete(Plan &plan, const Row &before)
{
	core::Change change = Describe(plan, Action::kDelete);
	Row named = plan.ids_in_identity ? before : Row();
	if (named)
		DescribeId(change, plan, named);
	if (before)
		DescribeOrganization(change, plan, before);
	const Hint *move = TakeHint(Hint::Kind::kMove, plan, named);
	const Hint *hint = move != nullptr ? move : TakeHint(Hint::Kind::kDelete, plan, named);
	if (hint != nullptr) {
		if (plan.org && !plan.org->identity)
			change.organization_id = OrganizationOf(*hint);
		DescribeHintedTx(change, *hint);
		DescribeHintedVersion(change, *hint);
	}
	Members old_row{values_, plan.columns, before, Members::Which::kIdentity};
	if (ShowsOld(plan, before))
		change.old = core::ValueWriter(old_row);
	if (move != nullptr)
		KeepMove(change, TakeHint(Hint::Kind::kLeftover, plan, named) != nullptr);
	else
		Emit(change, change.organization_id);
}

void
Teller::Truncate(const Plan &plan, bool whole)
{
	if (transaction_->move.waits && transaction_->move.entity_type == plan.entity_type)
		FlushMove();
	Emit(Describe(plan, whole ? Action::kTruncate : Action::kGap), {});
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

// ---- What a change tells

core::Change
Teller::Describe(Action action)
{
	core::Change change;
	change.position = transaction_->position;
	change.committed_at = transaction_->committed_at;
	if (transaction_->in_progress)
		change.xid = xid_;
	change.action = action;
	change.origin = Origin();
	return change;
}

core::Change
Teller::Describe(const Plan &plan, Action action)
{
	core::Change change = Describe(action);
	if (!transaction_->annotations.empty())
		change.annotation = transaction_->annotations.back().object;
	change.entity_type = plan.entity_type;
	return change;
}

void
Teller::DescribeEntity(core::Change &change, const Plan &plan, const Row &row)
{
	DescribeId(change, plan, row);
	DescribeOrganization(change, plan, row);
}

void
Teller::DescribeId(core::Change &change, const Plan &plan, const Row &row)
{
	id_.Clear(SIZE_MAX);
	change.entity_id = EntityId(values_, id_, plan, row);
}

void
Teller::DescribeOrganization(core::Change &change, const Plan &plan, const Row &row)
{
	organization_.Clear(SIZE_MAX);
	if (plan.org)
		change.organization_id = ColumnText(values_, organization_, *plan.org, row);
}

void
Teller::DescribeUnchanged(core::Change &change, Plan &plan, const Row &after)
{
	plan.unchanged.clear();
	for (const Column &column : plan.columns) {
		if (after.IsUnchanged(column))
			plan.unchanged.push_back(column.name);
	}
	change.unchanged_keys = plan.unchanged;
}

void
Teller::DescribeChanged(core::Change &change, Plan &plan, const Row &before, const Row &after)
{
	plan.changed.clear();
	change.changed_keys.known = before && plan.full_identity && !plan.withheld;
	if (!change.changed_keys.known)
		return;
	for (Column &column : plan.columns) {
		column.changed = !column.bookkeeping && Differs(values_, column, before, after);
		if (column.changed)
			plan.changed.push_back(column.name);
	}
	change.changed_keys.names = plan.changed;
}

void
Teller::DescribeTx(core::Change &change, const core::Tx &tx)
{
	if (tx.IsNull())
		return;
	change.tx.transaction_id = values_.ToUtf8(tx.transaction_id);
	change.tx.source_id = values_.ToUtf8(tx.source_id);
	if (change.action == Action::kUpdate && tx.changed_field.data() != nullptr)
		change.tx.changed_field = values_.ToUtf8(tx.changed_field);
	change.version = change.tx.transaction_id;
}

// Anybody can write a message that looks like a hint, so it is held to what a tx column would be.
void
Teller::DescribeHintedTx(core::Change &change, const Hint &hint)
{
	if (hint.transaction_id.data() == nullptr || hint.source_id.data() == nullptr)
		return;
	core::Tx tx{values_.Untrusted(hint.transaction_id), values_.Untrusted(hint.source_id), {}};
	if (core::Defect(tx) == nullptr)
		DescribeTx(change, tx);
}

// Of a delete that declares nothing: one that does has the version of its tx.
void
Teller::DescribeHintedVersion(core::Change &change, const Hint &hint)
{
	if (hint.row_version <= INT64_MAX)
		change.row_version = hint.row_version;
	if (change.version.data() == nullptr && !hint.version.empty() && hint.version.size() <= core::Tx::kMaxTransactionId)
		change.version = values_.Untrusted(hint.version);
}

// What the row itself says of its last write. Rows that were never updated have no versions.
void
Teller::DescribeVersionOf(core::Change &change, const Plan &plan, const Row &after)
{
	if (plan.versions_index < 0 || !plan.trigger_ran)
		return;
	if (after.IsNull(plan.versions_index)) {
		change.row_version = 1;
		return;
	}
	Datum value = after.Value(plan.versions_index);
	if (VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value)))
		return;
	std::optional<core::Versions> versions = core::Versions::Parse(values_.Bytes(value));
	if (!versions)
		return;
	change.row_version = versions->RowVersion();
	if (change.version.data() != nullptr) // which is that of its tx
		return;
	last_ = versions->Last();
	if (!last_.empty())
		change.version = values_.ToUtf8(last_);
}

void
Teller::DescribeTxOf(core::Change &change, const Plan &plan, const Row &after, Provenance provenance)
{
	if (plan.tx_index < 0 || after.IsNull(plan.tx_index))
		return;
	if (provenance == Provenance::kUnknown)
		change.tx_error = "the row trigger did not run, and the old row is not in the WAL";
	if (provenance != Provenance::kThisChange)
		return;
	Datum value = after.Value(plan.tx_index);
	if (VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value))) {
		change.tx_error = "the value of tx is not in the WAL";
		return;
	}
	if (values_.SizeOf(value) > core::Tx::kMaxBytes) {
		change.tx_error = "tx is larger than 64 kB";
		return;
	}
	core::Tx tx;
	if (const char *defect = core::ReadTx(values_.AlignedBytes(value), tx))
		change.tx_error = defect;
	else
		DescribeTx(change, tx);
}

// Where the trigger did not run, an update's tx may be an earlier change's: only a whole old row can tell.
Teller::Provenance
Teller::ProvenanceOf(const Plan &plan, const Row &before, const Row &after)
{
	if (plan.tx_index < 0 || after.IsNull(plan.tx_index))
		return Provenance::kThisChange;
	if (plan.trigger_ran)
		return TakeHint(Hint::Kind::kLeftover, plan, Named(plan, before, after)) != nullptr ? Provenance::kLeftover
																							: Provenance::kThisChange;
	if (!before || !plan.full_identity)
		return Provenance::kUnknown;
	Datum value = after.Value(plan.tx_index);
	if (VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value)))
		return Provenance::kLeftover; // an update that does not touch a value leaves it where it is
	bool same = !before.IsNull(plan.tx_index) && values_.SameBytes(before.Value(plan.tx_index), value);
	return same ? Provenance::kLeftover : Provenance::kThisChange;
}

// The organization before an update; the change's own if it did not change. A hint goes by the key that `keyed` has.
std::string_view
Teller::OldOrganizationOf(const core::Change &change, const Plan &plan, const Row &before, const Row &keyed)
{
	if (!plan.org)
		return {};
	if (before && plan.org->identity) {
		old_organization_.Clear(SIZE_MAX);
		return ColumnText(values_, old_organization_, *plan.org, before);
	}
	const Hint *hint = TakeHint(Hint::Kind::kOrg, plan, keyed);
	return hint != nullptr ? OrganizationOf(*hint) : change.organization_id;
}

const Hint *
Teller::TakeHint(Hint::Kind kind, const Plan &plan, const Row &row)
{
	if (transaction_->hints.Empty() || !row || !HasKey(plan, row))
		return nullptr;
	key_.Clear(SIZE_MAX);
	AppendKey(values_, key_, plan, row);
	return transaction_->hints.Take(kind, plan.relation, key_.View());
}

std::string_view
Teller::OrganizationOf(const Hint &hint)
{
	return UntrustedOrNull(hint.organization);
}

std::string_view
Teller::UntrustedOrNull(std::string_view text)
{
	return text.data() != nullptr ? values_.Untrusted(text) : std::string_view();
}

std::string_view
Teller::Origin()
{
	if (transaction_->origin_id != InvalidRepOriginId && transaction_->origin.empty()) {
		transaction_->origin = values_.Shared(pg::Call([&] {
			char *name = nullptr;
			return std::string_view(replorigin_by_oid(transaction_->origin_id, true, &name) ? name : "unknown");
		}));
	}
	return transaction_->origin;
}

// ---- Moves between partitions: a delete in one and an insert in another, told as one update

bool
Teller::Moves(const core::Change &change) const
{
	const Move &move = transaction_->move;
	return move.waits && move.entity_type == change.entity_type && move.entity_id == change.entity_id;
}

void
Teller::KeepMove(const core::Change &change, bool leftover)
{
	FlushMove();
	Move &move = transaction_->move;
	move.entry.Clear(kKeptMoveBytes);
	if (Passes(change, change.organization_id))
		sink_->Write(move.entry, change, change.organization_id);
	move.entity_type = change.entity_type;
	move.entity_id = change.entity_id;
	move.has_organization = change.organization_id.data() != nullptr;
	move.organization_id = change.organization_id;
	move.leftover = leftover;
	move.xid = xid_;
	move.waits = true;
}

// The second half has come; returns the organization that the first half had.
std::string_view
Teller::TakeMove()
{
	Move &move = transaction_->move;
	move.waits = false;
	move.entry.Clear(kKeptMoveBytes);
	return move.has_organization ? std::string_view(move.organization_id) : std::string_view();
}

// No second half will come: a trigger kept the insert from happening, so the delete was one.
void
Teller::FlushMove()
{
	Move &move = transaction_->move;
	if (!move.waits)
		return;
	move.waits = false;
	if (move.entry.Size() == 0)
		return;
	BeginEntry().Append(move.entry.View());
	move.entry.Clear(kKeptMoveBytes);
	sink_->End();
}

core::Buffer &
Teller::BeginEntry()
{
	Transaction &transaction = *transaction_;
	if (transaction.in_progress && !transaction.block_is_open) {
		sink_->Tell({core::Control::Kind::kStart, transaction.xid});
		transaction.block_is_open = true;
	} else if (options_.form == core::Form::kCompact && !transaction.told && !transaction.committed_at.empty()) {
		sink_->Tell({core::Control::Kind::kBegin,
					 transaction.xid,
					 0,
					 {},
					 transaction.position.commit_lsn,
					 transaction.committed_at});
	}
	transaction.told = true;
	return sink_->Begin();
}

bool
Teller::Passes(const core::Change &change, std::string_view old_organization) const
{
	if (!options_.filter.PassesAction(change.action))
		return false;
	bool of_all =
		change.action == Action::kTruncate || change.action == Action::kGap || change.action == Action::kEvent;
	return of_all || options_.filter.PassesOrganization(change.organization_id) ||
		   options_.filter.PassesOrganization(old_organization);
}

// Those who may see either organization are told: a move to another one is a removal for the readers of the old.
void
Teller::Emit(const core::Change &change, std::string_view old_organization)
{
	if (Moves(change))
		FlushMove();
	if (Passes(change, old_organization))
		Tell(change, old_organization);
}

void
Teller::Tell(const core::Change &change, std::string_view old_organization)
{
	sink_->Write(BeginEntry(), change, old_organization);
	sink_->End();
}

} // namespace txsync::decoder
