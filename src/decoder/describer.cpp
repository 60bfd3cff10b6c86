#include "decoder/describer.h"

#include "core/jsonb.h"
#include "core/versions.h"
#include "pg/compat.h"

#include <algorithm>

namespace txsync::decoder {

using core::Action;
using core::Hint;

namespace {

// Whether the WAL has the ids: where the replica identity is another than they, an update leaves a large one behind.
bool
HasKey(const Plan &plan, const Row &row)
{
	return std::none_of(plan.ids.begin(), plan.ids.end(), [&](const Column &id) { return row.IsUnchanged(id); });
}

} // namespace

core::Change
Describer::Begin(Action action)
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
Describer::Begin(Action action, std::string_view entity_type)
{
	core::Change change = Begin(action);
	if (!transaction_->annotations.empty())
		change.annotation = transaction_->annotations.back().object;
	change.entity_type = entity_type;
	return change;
}

void
Describer::Entity(core::Change &change, const Plan &plan, const Row &row)
{
	Id(change, plan, row);
	Organization(change, plan, row);
}

void
Describer::Id(core::Change &change, const Plan &plan, const Row &row)
{
	id_.Clear(SIZE_MAX);
	change.entity_id = EntityId(values_, id_, plan, row);
}

void
Describer::Organization(core::Change &change, const Plan &plan, const Row &row)
{
	organization_.Clear(SIZE_MAX);
	if (plan.org)
		change.organization_id = ColumnText(values_, organization_, *plan.org, row);
}

void
Describer::Unchanged(core::Change &change, Plan &plan, const Row &after)
{
	plan.unchanged.clear();
	for (const Column &column : plan.columns) {
		if (after.IsUnchanged(column))
			plan.unchanged.push_back(column.name);
	}
	change.unchanged_keys = plan.unchanged;
}

void
Describer::Changed(core::Change &change, Plan &plan, const Row &before, const Row &after)
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
Describer::Tx(core::Change &change, const core::Tx &tx)
{
	if (tx.IsNull())
		return;
	change.tx.transaction_id = values_.ToUtf8(tx.transaction_id);
	change.tx.source_id = values_.ToUtf8(tx.source_id);
	if (change.action == Action::kUpdate && tx.changed_field.data() != nullptr)
		change.tx.changed_field = values_.ToUtf8(tx.changed_field);
	change.version = change.tx.transaction_id;
}

void
Describer::Hinted(core::Change &change, const Plan &plan, const Hint &hint)
{
	if (plan.org && !plan.org->identity)
		change.organization_id = values_.UntrustedOrNull(hint.organization);
	HintedTx(change, hint);
	HintedVersion(change, hint);
}

// Anybody can write a message that looks like a hint, so it is held to what a tx column would be.
void
Describer::HintedTx(core::Change &change, const Hint &hint)
{
	if (hint.transaction_id.data() == nullptr || hint.source_id.data() == nullptr)
		return;
	core::Tx tx{values_.Untrusted(hint.transaction_id), values_.Untrusted(hint.source_id), {}};
	if (core::Defect(tx) == nullptr)
		Tx(change, tx);
}

// Of a delete that declares nothing: one that does has the version of its tx.
void
Describer::HintedVersion(core::Change &change, const Hint &hint)
{
	if (hint.row_version <= INT64_MAX)
		change.row_version = hint.row_version;
	if (change.version.data() == nullptr && !hint.version.empty() && hint.version.size() <= core::Tx::kMaxTransactionId)
		change.version = values_.Untrusted(hint.version);
}

void
Describer::Version(core::Change &change, const Plan &plan, const Row &after)
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
Describer::Tx(core::Change &change, const Plan &plan, const Row &after, Provenance provenance)
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
		Tx(change, tx);
}

// Where the trigger did not run, an update's tx may be an earlier change's: only a whole old row can tell.
Provenance
Describer::ProvenanceOf(const Plan &plan, const Row &before, const Row &after)
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

std::string_view
Describer::OldOrganization(const core::Change &change, const Plan &plan, const Row &before, const Row &keyed)
{
	if (!plan.org)
		return {};
	if (before && plan.org->identity) {
		old_organization_.Clear(SIZE_MAX);
		return ColumnText(values_, old_organization_, *plan.org, before);
	}
	const Hint *hint = TakeHint(Hint::Kind::kOrg, plan, keyed);
	return hint != nullptr ? values_.UntrustedOrNull(hint->organization) : change.organization_id;
}

const Hint *
Describer::TakeHint(Hint::Kind kind, const Plan &plan, const Row &row)
{
	if (transaction_->hints.Empty() || !row || !HasKey(plan, row))
		return nullptr;
	key_.Clear(SIZE_MAX);
	AppendKey(values_, key_, plan, row);
	return transaction_->hints.Take(kind, plan.relation, key_.View());
}

std::string_view
Describer::Origin()
{
	if (transaction_->origin_id != InvalidRepOriginId && transaction_->origin.empty()) {
		transaction_->origin = values_.Shared(pg::Call([&] {
			char *name = nullptr;
			return std::string_view(replorigin_by_oid(transaction_->origin_id, true, &name) ? name : "unknown");
		}));
	}
	return transaction_->origin;
}

} // namespace txsync::decoder
