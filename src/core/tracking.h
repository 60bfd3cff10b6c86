#pragma once
// What tracking a table means, and how it is written down: as the arguments of the table's row trigger, name and value
// in turn
// ('entity', 'pages', 'id', 'id', 'org', 'organization_id'). There it is versioned, dumped, renamed and dropped with
// the table.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace txsync::core {

// A column as stored versions know it: by a number that it keeps whatever its name, and that no other ever gets.
struct Field
{
	std::string column;
	uint32_t number = 0;

	bool operator==(const Field &) const = default;
};

struct Tracking
{
	std::string entity_type;
	std::vector<std::string> id_columns;  // in key order, at least one
	std::string org_column;               // empty: none
	bool tx = true;                       // whether the table has a tx column that the trigger keeps true
	std::vector<std::string> hidden;      // never leave the server
	std::vector<std::string> once_hidden; // those that were dropped: what comes again under such a name is hidden
	std::optional<std::vector<std::string>> bookkeeping; // never in changedKeys; nothing: DefaultBookkeeping()
	std::vector<std::string> lww;                        // fields whose strategy is lww; all others are manual
	std::vector<Field> fields;                           // columns that have versions
	uint32_t last_field = 0;                             // the highest number that a field was ever given
	bool notify_full = false;
	std::string delete_visible; // signature of a function, empty: none

	bool operator==(const Tracking &) const = default;
};

// Whether the column is among them.
bool Names(const std::vector<std::string> &columns, std::string_view column);

bool IsDefaultBookkeeping(std::string_view column);

// Whether the column's changes are bookkeeping, that is, not worth telling.
bool IsBookkeeping(const Tracking &tracking, std::string_view column);

// Whether the column's values never leave the server.
bool IsHidden(const Tracking &tracking, std::string_view column);

std::vector<std::string> ToArguments(const Tracking &tracking);

// The inverse. Names that are not known are passed over, so that an older library reads what a newer one wrote; nothing
// if the entity type or the id is missing.
std::optional<Tracking> ParseTracking(std::span<const std::string_view> arguments);

// Gives a number to each of the columns that has none, and forgets those that are not among them. Returns whether that
// changed anything.
bool NumberFields(Tracking &tracking, std::span<const std::string> columns);

// The number of a column; 0 if it has none.
uint32_t NumberOf(const Tracking &tracking, std::string_view column);

// Follows the rename of a column; false if the tracking does not name it.
bool RenameColumn(Tracking &tracking, std::string_view from, std::string_view to);

} // namespace txsync::core
