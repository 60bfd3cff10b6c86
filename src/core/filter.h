#pragma once
// Which changes a subscriber wants. All parts of a filter must let a change pass; a list that is empty lets all pass.

#include "core/change.h"
#include "core/pattern.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace txsync::core {

// Names to ask for by the row: nothing is allocated then.
class NameSet
{
public:
	NameSet() = default;
	explicit NameSet(std::vector<std::string> names);

	bool Contains(std::string_view name) const;

	// Sorted, each once.
	const std::vector<std::string> &
	Names() const
	{
		return names_;
	}

private:
	std::vector<std::string> names_;
};

class ActionSet
{
public:
	ActionSet() = default; // all

	// A list of `create`, `update`, `delete`, `truncate`, `event`, `visibility`; nothing if another name is in it. A
	// gap is not to be passed over: it stays in.
	static std::optional<ActionSet> Parse(std::string_view list);

	bool
	Contains(Action action) const
	{
		return (bits_ >> static_cast<unsigned>(action) & 1) != 0;
	}

private:
	uint8_t bits_ = 0xFF; // by the number of the action
};

struct Filter
{
	NameSet entity_types;
	NameSet organizations;
	std::vector<TablePattern> tables;
	std::vector<TablePattern> exclude_tables; // win over `tables`
	ActionSet actions;

	// Once per table.
	bool PassesEntityType(std::string_view entity_type) const;
	bool PassesTable(std::string_view schema, std::string_view table) const;

	// Once per row. An organization with data() == nullptr is null: it is none of those in a list.
	bool PassesOrganization(std::string_view organization) const;

	bool
	PassesAction(Action action) const
	{
		return actions.Contains(action);
	}
};

} // namespace txsync::core
