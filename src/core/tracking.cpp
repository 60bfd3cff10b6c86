#include "core/tracking.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

constexpr std::string_view kEntity = "entity";
constexpr std::string_view kId = "id";
constexpr std::string_view kOrg = "org";
constexpr std::string_view kTx = "tx";
constexpr std::string_view kHidden = "hidden";
constexpr std::string_view kOnceHidden = "once_hidden";
constexpr std::string_view kBookkeeping = "bookkeeping";
constexpr std::string_view kLww = "lww";
constexpr std::string_view kField = "field";   // number, space, column
constexpr std::string_view kFields = "fields"; // the highest number
constexpr std::string_view kNotify = "notify";
constexpr std::string_view kDeleteVisible = "delete_visible";

constexpr std::array<std::string_view, 2> kDefaultBookkeeping = {"modified_at", "updated_at"};

void
TakeField(Tracking &tracking, std::string_view value)
{
	uint32_t number = 0;
	const char *end = value.data() + value.size();
	const char *stop = std::from_chars(value.data(), end, number).ptr;
	if (number == 0 || stop == end)
		return;
	tracking.fields.push_back({{stop + 1, end}, number});
	tracking.last_field = std::max(tracking.last_field, number);
}

void
TakeLastField(Tracking &tracking, std::string_view value)
{
	uint32_t number = 0;
	std::from_chars(value.data(), value.data() + value.size(), number);
	tracking.last_field = std::max(tracking.last_field, number);
}

void
Take(Tracking &tracking, std::string_view name, std::string_view value)
{
	if (name == kEntity)
		tracking.entity_type = value;
	else if (name == kId)
		tracking.id_columns.emplace_back(value);
	else if (name == kOrg)
		tracking.org_column = value;
	else if (name == kTx)
		tracking.tx = value != "off";
	else if (name == kHidden)
		tracking.hidden.emplace_back(value);
	else if (name == kOnceHidden)
		tracking.once_hidden.emplace_back(value);
	else if (name == kLww)
		tracking.lww.emplace_back(value);
	else if (name == kField)
		TakeField(tracking, value);
	else if (name == kFields)
		TakeLastField(tracking, value);
	else if (name == kNotify)
		tracking.notify_full = value == "full";
	else if (name == kDeleteVisible)
		tracking.delete_visible = value;
	else if (name == kBookkeeping) {
		if (!tracking.bookkeeping)
			tracking.bookkeeping.emplace();
		if (!value.empty())
			tracking.bookkeeping->emplace_back(value);
	}
}

} // namespace

bool
Names(const std::vector<std::string> &columns, std::string_view column)
{
	return std::find(columns.begin(), columns.end(), column) != columns.end();
}

bool
IsDefaultBookkeeping(std::string_view column)
{
	return std::find(kDefaultBookkeeping.begin(), kDefaultBookkeeping.end(), column) != kDefaultBookkeeping.end();
}

bool
IsBookkeeping(const Tracking &tracking, std::string_view column)
{
	if (!tracking.bookkeeping)
		return IsDefaultBookkeeping(column);
	return Names(*tracking.bookkeeping, column);
}

// The id and the organization cannot be hidden: a column that has become one of them by a rename is not.
bool
IsHidden(const Tracking &tracking, std::string_view column)
{
	if (column == tracking.org_column || Names(tracking.id_columns, column))
		return false;
	return Names(tracking.hidden, column) || Names(tracking.once_hidden, column);
}

std::vector<std::string>
ToArguments(const Tracking &tracking)
{
	std::vector<std::string> arguments;
	auto add = [&](std::string_view name, std::string_view value) {
		arguments.emplace_back(name);
		arguments.emplace_back(value);
	};
	auto add_all = [&](std::string_view name, const std::vector<std::string> &values) {
		for (const std::string &value : values)
			add(name, value);
	};

	add(kEntity, tracking.entity_type);
	add_all(kId, tracking.id_columns);
	if (!tracking.org_column.empty())
		add(kOrg, tracking.org_column);
	if (!tracking.tx)
		add(kTx, "off");
	add_all(kHidden, tracking.hidden);
	add_all(kOnceHidden, tracking.once_hidden);
	if (tracking.bookkeeping && tracking.bookkeeping->empty())
		add(kBookkeeping, "");
	else if (tracking.bookkeeping)
		add_all(kBookkeeping, *tracking.bookkeeping);
	add_all(kLww, tracking.lww);
	for (const Field &field : tracking.fields)
		add(kField, std::to_string(field.number) + " " + field.column);
	if (tracking.last_field > 0)
		add(kFields, std::to_string(tracking.last_field));
	if (tracking.notify_full)
		add(kNotify, "full");
	if (!tracking.delete_visible.empty())
		add(kDeleteVisible, tracking.delete_visible);
	return arguments;
}

std::optional<Tracking>
ParseTracking(std::span<const std::string_view> arguments)
{
	Tracking tracking;
	for (size_t i = 0; i + 1 < arguments.size(); i += 2)
		Take(tracking, arguments[i], arguments[i + 1]);
	if (tracking.entity_type.empty() || tracking.id_columns.empty())
		return std::nullopt;
	return tracking;
}

bool
NumberFields(Tracking &tracking, std::span<const std::string> columns)
{
	bool changed = std::erase_if(tracking.fields, [&](const Field &field) {
					   return std::find(columns.begin(), columns.end(), field.column) == columns.end();
				   }) > 0;
	for (const std::string &column : columns) {
		if (NumberOf(tracking, column) != 0)
			continue;
		tracking.fields.push_back({column, ++tracking.last_field});
		changed = true;
	}
	return changed;
}

uint32_t
NumberOf(const Tracking &tracking, std::string_view column)
{
	for (const Field &field : tracking.fields) {
		if (field.column == column)
			return field.number;
	}
	return 0;
}

bool
RenameColumn(Tracking &tracking, std::string_view from, std::string_view to)
{
	bool found = false;
	auto rename = [&](std::string &column) {
		if (column == from) {
			column = to;
			found = true;
		}
	};
	auto rename_all = [&](std::vector<std::string> &columns) { std::for_each(columns.begin(), columns.end(), rename); };

	rename_all(tracking.id_columns);
	rename(tracking.org_column);
	rename_all(tracking.hidden);
	rename_all(tracking.once_hidden);
	rename_all(tracking.lww);
	for (Field &field : tracking.fields)
		rename(field.column);
	if (tracking.bookkeeping)
		rename_all(*tracking.bookkeeping);
	return found;
}

} // namespace txsync::core
