// What a teller tells of logical messages that stand for themselves.

#include "decoder/members.h"
#include "decoder/teller.h"

namespace txsync::decoder {

using core::Action;

// Whom it is for is said by its prefix: the subscriber has asked for it.
void
Teller::Message(std::string_view prefix, std::string_view content)
{
	core::Change change = describe_.Begin(Action::kEvent);
	LogicalMessage data{values_, prefix, content};
	change.data = core::ValueWriter(data);
	out_.Tell(change, {});
}

void
Teller::Event(const core::Event &event)
{
	core::Change change = describe_.Begin(Action::kEvent, values_.Untrusted(event.topic));
	change.entity_id = values_.UntrustedOrNull(event.key);
	change.tx.transaction_id = values_.UntrustedOrNull(event.transaction_id);
	change.tx.source_id = values_.UntrustedOrNull(event.source_id);
	std::string_view payload = values_.UntrustedOrNull(event.payload);
	auto data = [&](core::Buffer &out) { out.Append(payload); };
	if (payload.data() != nullptr)
		change.data = core::ValueWriter(data);
	if (options_.filter.PassesEntityType(change.entity_type))
		out_.Emit(change, {});
}

core::Change
Teller::Listed(const Plan &plan, Action action, const core::ListedEntity &entity)
{
	core::Change change = describe_.Begin(action, plan.entity_type);
	change.entity_id = values_.Untrusted(entity.id);
	change.organization_id = values_.UntrustedOrNull(entity.organization);
	return change;
}

void
Teller::Visibility(const Plan &plan, const core::ListedEntity &entity)
{
	core::Change change = Listed(plan, Action::kVisibility, entity);
	out_.Emit(change, change.organization_id);
}

// The row was written long ago: whoever wants its content reads the table.
void
Teller::Backfilled(const Plan &plan, const core::ListedEntity &entity)
{
	core::Change change = Listed(plan, Action::kCreate, entity);
	change.truncated = true;
	out_.Emit(change, change.organization_id);
}

} // namespace txsync::decoder
