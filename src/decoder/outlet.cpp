#include "decoder/outlet.h"

namespace txsync::decoder {

using core::Action;

namespace {

// What the delete that is half of a move may take before its memory is given back.
constexpr size_t kKeptMoveBytes = size_t{64} << 10;

} // namespace

void
Outlet::Emit(const core::Change &change, std::string_view old_organization)
{
	if (Moves(change))
		FlushMove();
	if (Passes(change, old_organization))
		Tell(change, old_organization);
}

void
Outlet::Tell(const core::Change &change, std::string_view old_organization)
{
	sink_->Write(BeginEntry(), change, old_organization);
	sink_->End();
}

void
Outlet::KeepMove(const core::Change &change, bool leftover)
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
	move.xid = change.xid;
	move.waits = true;
}

bool
Outlet::Moves(const core::Change &change) const
{
	const Move &move = transaction_->move;
	return move.waits && move.entity_type == change.entity_type && move.entity_id == change.entity_id;
}

std::string_view
Outlet::TakeMove()
{
	Move &move = transaction_->move;
	move.waits = false;
	move.entry.Clear(kKeptMoveBytes);
	return move.has_organization ? std::string_view(move.organization_id) : std::string_view();
}

void
Outlet::FlushMove()
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

bool
Outlet::Passes(const core::Change &change, std::string_view old_organization) const
{
	if (!options_.filter.PassesAction(change.action))
		return false;
	bool of_all =
		change.action == Action::kTruncate || change.action == Action::kGap || change.action == Action::kEvent;
	return of_all || options_.filter.PassesOrganization(change.organization_id) ||
		   options_.filter.PassesOrganization(old_organization);
}

core::Buffer &
Outlet::BeginEntry()
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

} // namespace txsync::decoder
