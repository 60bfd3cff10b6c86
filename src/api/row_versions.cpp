#include "api/row_versions.h"

#include "api/clock.h"
#include "api/row_check.h"
#include "api/tombstone.h"
#include "core/advance.h"
#include "core/jsonb.h"
#include "core/nullable.h"
#include "pg/call.h"
#include "pg/image.h"

#include <algorithm>

extern "C" {
#include "access/detoast.h"
#include "utils/datum.h"
}

namespace txsync::api {

namespace {

bool
SameImage(Datum a, Datum b, pg::Layout layout)
{
	if (layout.length != -1)
		return pg::Image(a, layout) == pg::Image(b, layout);
	auto *first = reinterpret_cast<varlena *>(DatumGetPointer(a));
	auto *second = reinterpret_cast<varlena *>(DatumGetPointer(b));
	bool same_pointer = VARATT_IS_EXTERNAL_ONDISK(first) && VARATT_IS_EXTERNAL_ONDISK(second) &&
						memcmp(first, second, VARSIZE_EXTERNAL(first)) == 0;
	return same_pointer || pg::Call([&] { return datum_image_eq(a, b, false, -1); });
}

// The fields that an update changes, found in one pass over its rows.
class Fields
{
public:
	// `declared`: the number of a column that counts as changed, whatever it has; or 0.
	Fields(const RowTable &table, TupleDesc desc, HeapTuple before, HeapTuple after, int declared)
	{
		auto columns = static_cast<size_t>(desc->natts);
		values_ = static_cast<Datum *>(pg::Call([&] { return palloc(2 * columns * (sizeof(Datum) + sizeof(bool))); }));
		Datum *new_values = values_ + columns;
		auto *nulls = reinterpret_cast<bool *>(new_values + columns);
		bool *new_nulls = nulls + columns;
		pg::Call([&] {
			heap_deform_tuple(before, desc, values_, nulls);
			heap_deform_tuple(after, desc, new_values, new_nulls);
		});
		for (int i = 0; i < table.column_count; i++) {
			const VersionedColumn &column = table.columns[i];
			int at = column.attribute.number - 1;
			if (at + 1 == declared || nulls[at] != new_nulls[at] ||
				(!nulls[at] && !SameImage(values_[at], new_values[at], column.attribute.layout)))
				changed_[count_++] = column.field;
		}
	}
	Fields(const Fields &) = delete;
	~Fields()
	{
		pfree(values_);
	}

	std::span<const uint32_t>
	Changed() const
	{
		return {changed_, count_};
	}

private:
	Datum *values_;
	uint32_t changed_[MaxHeapAttributeNumber];
	size_t count_ = 0;
};

// The column that an update declares, or 0. Of a statement that no trigger runs: what a trigger does to other rows of
// the table is not what the client declares.
int
DeclaredColumn(const RowTable &table, TupleDesc desc, const Author &author)
{
	std::string_view name = author.tx.changed_field;
	if (name.data() == nullptr || (RowCheck::Of(table.root) == nullptr && RowCheck::TriggerDepth() > 1))
		return 0;
	return Find(desc, name).number;
}

} // namespace

core::Versions
VersionsOf(core::Buffer &store, const RowTable &table, TupleDesc desc, HeapTuple row)
{
	Value stored = Fetch(row, desc, table.versions);
	if (!stored.null) {
		if (auto versions = core::Versions::Parse(pg::Image(stored.datum, table.versions.layout)))
			return *versions;
	}
	Value tx = stored.null ? Fetch(row, desc, table.tx) : Value();
	core::Tx creator;
	if (!tx.null) {
		auto *jsonb = pg::Call([&] { return PG_DETOAST_DATUM(tx.datum); });
		if (core::ReadTx(pg::BytesOf(jsonb), creator) != nullptr)
			creator = {};
	}
	return core::Versions::Fresh(store, creator.transaction_id, core::TimeOf(creator.transaction_id));
}

void
StartVersions(core::Buffer &out, const RowTable &table, TupleDesc desc, HeapTuple row, const Author &author)
{
	LastLife last;
	if (AnythingIsBuried())
		last = LastLifeOf(table.entity_type, EntityId(table, desc, row));
	core::Stamp stamp = std::min(author.time, StampCeiling());
	if (last.row_version > 0)
		stamp = std::max(stamp, core::After(last.stamp));
	if (author.tx.IsNull() || last.row_version > 0 || stamp != core::TimeOf(author.id))
		core::WriteFresh(out, last.row_version + 1, author.id, stamp);
}

void
AdvanceVersions(core::Buffer &out, const RowTable &table, TupleDesc desc, HeapTuple before, HeapTuple after,
				const Author &author)
{
	core::Buffer store;
	core::Versions versions = VersionsOf(store, table, desc, before);
	if (RowCheck *check = RowCheck::Of(table.root))
		check->Look(versions, table, desc, before);
	Fields fields(table, desc, before, after, DeclaredColumn(table, desc, author));
	core::Advance(out, versions, {author.id, author.time, fields.Changed()}, StampCeiling());
}

void
BuryRow(const RowTable &table, TupleDesc desc, HeapTuple row, const Author &author, const core::Versions &versions)
{
	std::string id = EntityId(table, desc, row);
	std::optional<std::string> org = Organization(table, desc, row);
	Bury({table.entity_type, id, core::ViewOf(org), author.id, std::min(author.time, StampCeiling()),
		  versions.RowVersion() + 1});
}

} // namespace txsync::api
