#include "core/filter.h"

#include <algorithm>
#include <functional>

#include "core/no_postgres.h"

namespace txsync::core {

NameSet::NameSet(std::vector<std::string> names)
	: names_(std::move(names))
{
	std::ranges::sort(names_);
	names_.erase(std::unique(names_.begin(), names_.end()), names_.end());
}

bool
NameSet::Contains(std::string_view name) const
{
	return std::binary_search(names_.begin(), names_.end(), name, std::less<>());
}

std::optional<ActionSet>
ActionSet::Parse(std::string_view list)
{
	static constexpr Action kChoices[] = {Action::kCreate,   Action::kUpdate, Action::kDelete,
										  Action::kTruncate, Action::kEvent,  Action::kVisibility};
	auto bit = [](Action action) { return static_cast<uint8_t>(1 << static_cast<unsigned>(action)); };
	std::optional<std::vector<std::string>> names = ParseNames(list);
	if (!names)
		return {};
	ActionSet actions;
	actions.bits_ = bit(Action::kGap);
	for (const std::string &name : *names) {
		const Action *at = std::ranges::find(kChoices, name, Name);
		if (at == std::end(kChoices))
			return {};
		actions.bits_ |= bit(*at);
	}
	return actions;
}

bool
Filter::PassesEntityType(std::string_view entity_type) const
{
	return entity_types.Names().empty() || entity_types.Contains(entity_type);
}

bool
Filter::PassesTable(std::string_view schema, std::string_view table) const
{
	return (tables.empty() || MatchesAny(tables, schema, table)) && !MatchesAny(exclude_tables, schema, table);
}

bool
Filter::PassesOrganization(std::string_view organization) const
{
	return organizations.Names().empty() || (organization.data() != nullptr && organizations.Contains(organization));
}

} // namespace txsync::core
