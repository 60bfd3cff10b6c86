#include "api/row_wal.h"

#include "core/nullable.h"
#include "pg/compat.h"

extern "C" {
#include "access/detoast.h"
#include "utils/rel.h"
}

namespace txsync::api {

HeapTuple
WithInWal(HeapTuple row, TupleDesc desc, Attribute attribute)
{
	if (attribute.number == 0 || attribute.layout.length != -1)
		return row;
	return pg::Call([&] {
		int column = attribute.number;
		bool null = true;
		Datum value = heap_getattr(row, column, desc, &null);
		if (null || !VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value)))
			return row;
		value = PointerGetDatum(detoast_external_attr(reinterpret_cast<varlena *>(DatumGetPointer(value))));
		return heap_modify_tuple_by_cols(row, desc, 1, &column, &value, &null);
	});
}

HeapTuple
WithEntityInWal(HeapTuple row, TupleDesc desc, const RowTable &table)
{
	row = WithInWal(row, desc, table.org);
	for (int i = 0; i < table.id_count && !table.ids_in_identity; i++)
		row = WithInWal(row, desc, table.ids[i]);
	return row;
}

void
LogHint(const TriggerData &data, const RowTable &table, core::Hint hint)
{
	TupleDesc desc = RelationGetDescr(data.tg_relation);
	core::Buffer key;
	for (int i = 0; i < table.id_count; i++) {
		Value id = Fetch(data.tg_trigtuple, desc, table.ids[i]);
		core::AppendKeyPart(key, id.null ? std::string_view() : pg::Image(id.datum, table.ids[i].layout));
	}
	hint.relation = RelationGetRelid(data.tg_relation);
	hint.key = key.View();
	core::Buffer message;
	core::Write(message, hint);
	pg::Call([&] { pg::LogTransactionalMessage(core::kMessagePrefix, message.View()); });
}

void
LogOldOrganization(const TriggerData &data, const RowTable &table)
{
	TupleDesc desc = RelationGetDescr(data.tg_relation);
	if (!MustTellOrganization(table))
		return;
	// The decoder passes over what was said in vain.
	if (!table.org_is_made && SameValue(desc, table.org, data.tg_trigtuple, data.tg_newtuple))
		return;
	std::optional<std::string> org = Organization(table, desc, data.tg_trigtuple);
	core::Hint hint;
	hint.kind = core::Hint::Kind::kOrg;
	hint.organization = core::ViewOf(org);
	LogHint(data, table, hint);
}

std::optional<std::string>
OrganizationToTell(const RowTable &table, TupleDesc desc, HeapTuple row)
{
	return MustTellOrganization(table) ? Organization(table, desc, row) : std::nullopt;
}

} // namespace txsync::api
