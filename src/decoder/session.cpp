#include "decoder/session.h"

#include "core/json.h"
#include "core/jsonb.h"
#include "pg/compat.h"

namespace txsync::decoder {

using core::Action;
using core::Hint;

namespace {

// A member for each of `columns` whose value is in the WAL.
struct Members
{
	Values &values;
	const std::vector<Column> &columns;
	const Row &row;

	void
	operator()(core::Buffer &out) const
	{
		char separator = '{';
		for (const Column &column : columns) {
			if (row.IsUnchanged(column))
				continue;
			out.Append(separator);
			separator = ',';
			out.Append(column.key);
			if (row.IsNull(column.index))
				out.Append("null");
			else
				values.Json(out, *column.type, row.Value(column.index));
		}
		if (separator == '{')
			out.Append(separator);
		out.Append('}');
	}
};

// `old` when all that is known of the old row is its organization.
struct OldOrganization
{
	const std::optional<Column> &column;
	std::string_view text; // data() == nullptr: null

	void
	operator()(core::Buffer &out) const
	{
		out.Append('{');
		out.Append(column->key);
		// A number's text is its JSON as well.
		if (text.data() != nullptr && column->type->json == column->type->text)
			out.Append(text);
		else
			core::json::StringOrNull(out, text);
		out.Append('}');
	}
};

bool
Same(std::string_view a, std::string_view b)
{
	return (a.data() == nullptr) == (b.data() == nullptr) && a == b;
}

bool
KeyDiffers(Values &values, const Plan &plan, const Row &before, const Row &after)
{
	return std::any_of(plan.ids.begin(), plan.ids.end(),
					   [&](const Column &id) { return Differs(values, id, before, after); });
}

// What an update left outside the row, and so outside the WAL, is taken from the old row where the WAL has it there.
void
FillFromOld(Plan &plan, const Row &before, const Row &after)
{
	if (!before)
		return;
	for (const Column &column : plan.columns) {
		if (!after.IsUnchanged(column) || !column.identity || before.IsNull(column.index) || before.IsUnchanged(column))
			continue;
		plan.new_values[static_cast<size_t>(column.index)] = before.Value(column.index);
	}
}

} // namespace

Session::Session(LogicalDecodingContext *context, const Options &options)
	: memory_(
		  pg::Call([&] { return AllocSetContextCreate(context->context, "txsync session", ALLOCSET_DEFAULT_SIZES); }))
	, values_(memory_,
			  pg::Call([&] { return AllocSetContextCreate(memory_, "txsync change", ALLOCSET_DEFAULT_SIZES); }))
	, plans_(values_)
	, output_(context, options.batch)
{}

void
Session::Begin(ReorderBufferTXN *txn)
{
	position_ = {txn->final_lsn, 0, 0};
	changes_of_record_ = 0;
	committed_at_length_ =
		static_cast<size_t>(core::FormatInstant(committed_at_, txn->xact_time.commit_time) - committed_at_);
	origin_id_ = txn->origin_id;
	origin_.clear();
	hints_.Clear();
	move_.waits = false;
	values_.EndTransaction();
}

void
Session::Commit()
{
	FlushMove();
	output_.EndTransaction();
}

void
Session::Message(std::string_view prefix, std::string_view message)
{
	if (prefix == core::kMessagePrefix)
		hints_.Add(message);
}

void
Session::Change(Relation relation, ReorderBufferChange *change)
{
	// Rows of one WAL record share its LSN. They are counted before anything is left out, so that every subscriber sees
	// the same positions; a key change takes two numbers, but is the only row of its record.
	changes_of_record_ = change->lsn == position_.change_lsn ? changes_of_record_ + 1 : 0;
	position_.change_lsn = change->lsn;
	position_.row = changes_of_record_;

	Plan *plan = plans_.Of(relation);
	if (plan == nullptr)
		return;
	Row before = Row::Old(*plan, RelationGetDescr(relation), pg::OldTuple(change));
	Row after = Row::New(*plan, RelationGetDescr(relation), pg::NewTuple(change));
	if (change->action == REORDER_BUFFER_CHANGE_INSERT)
		Insert(*plan, after);
	else if (change->action == REORDER_BUFFER_CHANGE_UPDATE)
		Update(*plan, before, after);
	else
		Delete(*plan, before);
	values_.EndChange();
}

// ---- One function for each kind of change

void
Session::Insert(Plan &plan, const Row &after)
{
	core::Change change = Describe(plan, Action::kCreate);
	DescribeEntity(change, plan, after);
	OldOrganization old{plan.org, change.organization_id};
	if (Moves(change)) {
		change.action = Action::kUpdate;
		old.text = TakeMove();
	}
	if (!Same(old.text, change.organization_id))
		change.old = core::ValueWriter(old);
	DescribeTxOf(change, plan, after);
	Members data{values_, plan.columns, after};
	if (!plan.withheld)
		change.data = core::ValueWriter(data);
	Emit(change);
}

void
Session::Update(Plan &plan, const Row &before, const Row &after)
{
	FillFromOld(plan, before, after);
	if (before && KeyDiffers(values_, plan, before, after)) {
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
	if (!IsLeftover(change, plan, before, after))
		DescribeTxOf(change, plan, after);
	Members data{values_, plan.columns, after};
	if (!plan.withheld)
		change.data = core::ValueWriter(data);
	Emit(change);
}

// An entity that gets another id is one that goes and one that comes.
void
Session::KeyChange(Plan &plan, const Row &before, const Row &after)
{
	core::Change gone = Describe(plan, Action::kDelete);
	DescribeEntity(gone, plan, before);
	if (plan.org && !plan.org->identity) {
		organization_.Clear(SIZE_MAX);
		gone.organization_id = ColumnText(values_, organization_, *plan.org, after);
		gone.organization_id = OldOrganizationOf(gone, plan, Row(), before);
	}
	bool leftover = IsLeftover(gone, plan, before, after);
	if (!leftover)
		DescribeTxOf(gone, plan, after);
	Emit(gone);

	position_.row++;
	core::Change come = Describe(plan, Action::kCreate);
	DescribeEntity(come, plan, after);
	DescribeUnchanged(come, plan, after);
	if (leftover)
		come.tx_error = gone.tx_error;
	else
		DescribeTxOf(come, plan, after);
	Members old_key{values_, plan.ids, before};
	come.old_key = core::ValueWriter(old_key);
	Members data{values_, plan.columns, after};
	if (!plan.withheld)
		come.data = core::ValueWriter(data);
	Emit(come);
}

void
Session::Delete(Plan &plan, const Row &before)
{
	core::Change change = Describe(plan, Action::kDelete);
	if (before)
		DescribeEntity(change, plan, before);
	const Hint *move = TakeHint(Hint::Kind::kMove, plan, before);
	const Hint *hint = move != nullptr ? move : TakeHint(Hint::Kind::kDelete, plan, before);
	if (hint != nullptr) {
		if (plan.org && !plan.org->identity)
			change.organization_id = OrganizationOf(*hint, plan, organization_);
		DescribeTx(change, {hint->transaction_id, hint->source_id, {}});
	}
	if (move != nullptr)
		KeepMove(change);
	else
		Emit(change);
}

// ---- What a change tells

core::Change
Session::Describe(const Plan &plan, Action action)
{
	core::Change change;
	change.position = position_;
	change.committed_at = {committed_at_, committed_at_length_};
	change.entity_type = plan.entity_type;
	change.action = action;
	change.origin = Origin();
	return change;
}

void
Session::DescribeEntity(core::Change &change, const Plan &plan, const Row &row)
{
	id_.Clear(SIZE_MAX);
	change.entity_id = EntityId(values_, id_, plan, row);
	organization_.Clear(SIZE_MAX);
	if (plan.org)
		change.organization_id = ColumnText(values_, organization_, *plan.org, row);
}

void
Session::DescribeUnchanged(core::Change &change, Plan &plan, const Row &after)
{
	plan.unchanged.clear();
	for (const Column &column : plan.columns) {
		if (after.IsUnchanged(column))
			plan.unchanged.push_back(column.name);
	}
	change.unchanged_keys = plan.unchanged;
}

void
Session::DescribeChanged(core::Change &change, Plan &plan, const Row &before, const Row &after)
{
	plan.changed.clear();
	change.changed_keys.known = before && plan.full_identity && !plan.withheld;
	if (!change.changed_keys.known)
		return;
	for (const Column &column : plan.columns) {
		if (!column.bookkeeping && Differs(values_, column, before, after))
			plan.changed.push_back(column.name);
	}
	change.changed_keys.names = plan.changed;
}

void
Session::DescribeTx(core::Change &change, const core::Tx &tx)
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
Session::DescribeTxOf(core::Change &change, const Plan &plan, const Row &after)
{
	if (plan.tx_index < 0 || after.IsNull(plan.tx_index))
		return;
	Datum value = after.Value(plan.tx_index);
	if (VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value)))
		return;
	core::Tx tx;
	if (const char *defect = core::ReadTx(values_.AlignedBytes(value), tx))
		change.tx_error = defect;
	else
		DescribeTx(change, tx);
}

// Where the trigger did not run, an update's tx may be an earlier change's: only a whole old row can tell.
bool
Session::IsLeftover(core::Change &change, const Plan &plan, const Row &before, const Row &after)
{
	if (plan.trigger_ran || plan.tx_index < 0 || after.IsNull(plan.tx_index))
		return false;
	if (!before || !plan.full_identity) {
		change.tx_error = "the row trigger did not run, and the old row is not in the WAL";
		return true;
	}
	return !before.IsNull(plan.tx_index) &&
		   values_.Bytes(before.Value(plan.tx_index)) == values_.Bytes(after.Value(plan.tx_index));
}

// The organization before an update; the change's own if it did not change. A hint goes by the key that `keyed` has.
std::string_view
Session::OldOrganizationOf(const core::Change &change, const Plan &plan, const Row &before, const Row &keyed)
{
	if (!plan.org)
		return {};
	if (before && plan.org->identity) {
		old_organization_.Clear(SIZE_MAX);
		return ColumnText(values_, old_organization_, *plan.org, before);
	}
	const Hint *hint = TakeHint(Hint::Kind::kOrg, plan, keyed);
	return hint != nullptr ? OrganizationOf(*hint, plan, old_organization_) : change.organization_id;
}

const Hint *
Session::TakeHint(Hint::Kind kind, const Plan &plan, const Row &row)
{
	if (hints_.Empty() || !row)
		return nullptr;
	key_.Clear(SIZE_MAX);
	AppendKey(values_, key_, plan, row);
	return hints_.Take(kind, plan.relation, key_.View());
}

std::string_view
Session::OrganizationOf(const Hint &hint, const Plan &plan, core::Buffer &out)
{
	if (!plan.org || hint.organization.data() == nullptr)
		return {};
	const Type &type = *plan.org->type;
	out.Clear(SIZE_MAX);
	values_.Text(out, type, pg::FromImage(hint.organization, type.layout, values_.Scratch()));
	return out.View();
}

std::string_view
Session::Origin()
{
	if (origin_id_ != InvalidRepOriginId && origin_.empty()) {
		origin_ = pg::Call([&] {
			char *name = nullptr;
			return std::string_view(replorigin_by_oid(origin_id_, true, &name) ? name : "unknown");
		});
	}
	return origin_;
}

// ---- Moves between partitions: a delete in one and an insert in another, told as one update

bool
Session::Moves(const core::Change &change) const
{
	return move_.waits && move_.entity_type == change.entity_type && move_.entity_id == change.entity_id;
}

void
Session::KeepMove(const core::Change &change)
{
	FlushMove();
	core::Buffer line;
	core::Write(line, change);
	move_.line = line.View();
	move_.entity_type = change.entity_type;
	move_.entity_id = change.entity_id;
	move_.organization_id.reset();
	if (change.organization_id.data() != nullptr)
		move_.organization_id = change.organization_id;
	move_.waits = true;
}

// The second half has come; returns the organization that the first half had.
std::string_view
Session::TakeMove()
{
	move_.waits = false;
	return move_.organization_id ? std::string_view(*move_.organization_id) : std::string_view();
}

// No second half will come: a trigger kept the insert from happening, so the delete was one.
void
Session::FlushMove()
{
	if (!move_.waits)
		return;
	move_.waits = false;
	output_.Line().Append(move_.line);
	output_.EndLine();
}

void
Session::Emit(const core::Change &change)
{
	if (Moves(change))
		FlushMove();
	core::Write(output_.Line(), change);
	output_.EndLine();
}

} // namespace txsync::decoder
