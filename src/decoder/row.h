#pragma once
// One stored row, seen through the plan of its table.

#include "decoder/plan.h"

extern "C" {
#include "access/htup.h"
}

namespace txsync::decoder {

// Deformed into the plan's room: at most one new and one old row at a time.
class Row
{
public:
	Row() = default;

	// The new row of an insert or update; none for a null tuple.
	static Row New(Plan &plan, TupleDesc desc, HeapTuple tuple);

	// The old row of an update or delete: only its identity columns have values, unless the identity is full.
	static Row Old(Plan &plan, TupleDesc desc, HeapTuple tuple);

	explicit operator bool() const
	{
		return values_ != nullptr;
	}

	bool
	IsNull(int index) const
	{
		return nulls_[index];
	}

	Datum
	Value(int index) const
	{
		return values_[index];
	}

	const Datum *
	Values() const
	{
		return values_;
	}

	const bool *
	Nulls() const
	{
		return nulls_;
	}

	// A value that an update left where it was, outside the row: it is not in the WAL.
	bool
	IsUnchanged(const Column &column) const
	{
		return column.type->varlena && !IsNull(column.index) &&
			   VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(Value(column.index)));
	}

private:
	Row(const Datum *values, const bool *nulls)
		: values_(values)
		, nulls_(nulls)
	{}

	const Datum *values_ = nullptr;
	const bool *nulls_ = nullptr;
};

// What an update left outside the row, and so outside the WAL, is taken from the old row where the WAL has it there.
void FillFromOld(Plan &plan, const Row &before, const Row &after);

// The id of the entity as text: the id column's, or a JSON array of the texts of a composite key. Nothing without an
// id.
std::string_view EntityId(Values &values, core::Buffer &out, const Plan &plan, const Row &row);

// The key by which the row trigger's hints name the row.
void AppendKey(Values &values, core::Buffer &key, const Plan &plan, const Row &row);

// A column's text, or a view with data() == nullptr for null, for what is not in the WAL, and for what is too large to
// be told.
std::string_view ColumnText(Values &values, core::Buffer &out, const Column &column, const Row &row);

// Whether an update gave the column another value. Both rows are whole.
bool Differs(Values &values, const Column &column, const Row &before, const Row &after);

} // namespace txsync::decoder
