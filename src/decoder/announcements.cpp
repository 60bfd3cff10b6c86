// What a teller tells of logical messages that stand for themselves.

#include "decoder/members.h"
#include "decoder/teller.h"

namespace txsync::decoder {

using core::Action;

// Whom it is for is said by its prefix: the subscriber has asked for it.
void
Teller::Message(std::string_view prefix, std::string_view content)
{
	core::Change change = Describe(Action::kEvent);
	LogicalMessage data{values_, prefix, content};
	change.data = core::ValueWriter(data);
	Tell(change, {});
}

void
Teller::Event(const core::Event &event)
{
	core::Change change = Describe(Action::kEvent);
	if (!transaction_->annotations.empty())
		change.annotation = transaction_->annotations.back().object;
	change.entity_type = values_.Untrusted(event.topic);
	change.entity_id = UntrustedOrNull(event.key);
	change.tx.transaction_id = UntrustedOrNull(event.transaction_id);
	change.tx.source_id = UntrustedOrNull(event.source_id);
	std::string_view payload = UntrustedOrNull(event.payload);
	auto data = [&](core::Buffer &out) { out.Append(payload); };
	if (payload.data() != nullptr)
		change.data = core::ValueWriter(data);
	if (options_.filter.PassesEntityType(change.entity_type))
		Emit(change, {});
}

core::Change
Teller::DescribeListed(const Plan &plan, Action action, const core::ListedEntity &entity)
{
	core::Change change = Describe(plan, action);
	change.entity_id = values_.Untrusted(entity.id);
	change.organization_id = UntrustedOrNull(entity.organization);
	return change;
}

void
Teller::Visibility(const Plan &plan, const core::ListedEntity &entity)
{
	core::Change change = DescribeListed(plan, Action::kVisibility, entity);
	Emit(change, change.organization_id);
}

// The row was written long ago: whoever wants its content reads the table.
void
Teller::Backfilled(const Plan &plan, const core::ListedEntity &entity)
{
	core::Change change = DescribeListed(plan, Action::kCreate, entity);
	change.truncated = true;
	Emit(change, change.organization_id);
}

} // namespace txsync::decoder
