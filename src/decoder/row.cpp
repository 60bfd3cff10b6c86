#include "decoder/row.h"

#include "core/json.h"
#include "core/message.h"

extern "C" {
#include "access/htup_details.h"
}

namespace txsync::decoder {

namespace {

// The view may point into `value`.
std::string_view
ImageOf(Values &values, const Column &column, const Datum &value)
{
	return column.type->varlena ? values.Bytes(value) : pg::Image(value, column.type->layout);
}

} // namespace

Row
Row::New(Plan &plan, TupleDesc desc, HeapTuple tuple)
{
	if (tuple == nullptr)
		return {};
	pg::Call([&] { heap_deform_tuple(tuple, desc, plan.new_values.data(), plan.new_nulls.get()); });
	return {plan.new_values.data(), plan.new_nulls.get()};
}

Row
Row::Old(Plan &plan, TupleDesc desc, HeapTuple tuple)
{
	if (tuple == nullptr)
		return {};
	pg::Call([&] { heap_deform_tuple(tuple, desc, plan.old_values.data(), plan.old_nulls.get()); });
	return {plan.old_values.data(), plan.old_nulls.get()};
}

void
FillFromOld(Plan &plan, const Row &before, const Row &after)
{
	if (!before)
		return;
	auto fill = [&](const Column &column) {
		if (after.IsUnchanged(column) && column.identity && !before.IsNull(column.index) && !before.IsUnchanged(column))
			plan.new_values[static_cast<size_t>(column.index)] = before.Value(column.index);
	};
	std::for_each(plan.columns.begin(), plan.columns.end(), fill);
	std::for_each(plan.unseen.begin(), plan.unseen.end(), fill);
}

std::string_view
ColumnText(Values &values, core::Buffer &out, const Column &column, const Row &row)
{
	if (row.IsNull(column.index) || row.IsUnchanged(column) || values.IsTooLarge(*column.type, row.Value(column.index)))
		return {};
	size_t start = out.Size();
	out.Reserve(1); // an empty text is not null
	try {
		values.Text(out, *column.type, row.Value(column.index));
	} catch (const core::BufferFull &) {
		return {};
	}
	return out.Since(start);
}

std::string_view
EntityId(Values &values, core::Buffer &out, const Plan &plan, const Row &row)
{
	if (plan.ids.empty())
		return {};
	if (plan.ids.size() == 1)
		return ColumnText(values, out, plan.ids.front(), row);
	core::Buffer part;
	size_t start = out.Size();
	for (const Column &id : plan.ids) {
		out.Append(out.Size() == start ? '[' : ',');
		part.Clear(SIZE_MAX);
		core::json::StringOrNull(out, ColumnText(values, part, id, row));
	}
	out.Append(']');
	return out.Since(start);
}

bool
Differs(Values &values, const Column &column, const Row &before, const Row &after)
{
	if (before.IsNull(column.index) || after.IsNull(column.index))
		return before.IsNull(column.index) != after.IsNull(column.index);
	if (after.IsUnchanged(column))
		return false;
	Datum a = before.Value(column.index);
	Datum b = after.Value(column.index);
	if (column.type->varlena)
		return !values.SameBytes(a, b);
	return pg::Image(a, column.type->layout) != pg::Image(b, column.type->layout);
}

void
AppendKey(Values &values, core::Buffer &key, const Plan &plan, const Row &row)
{
	for (const Column &id : plan.ids) {
		if (row.IsNull(id.index)) {
			core::AppendKeyPart(key, {});
			continue;
		}
		Datum value = row.Value(id.index);
		core::AppendKeyPart(key, ImageOf(values, id, value));
	}
}

} // namespace txsync::decoder
