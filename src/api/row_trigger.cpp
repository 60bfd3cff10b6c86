// The row trigger of a tracked table. It keeps tx true (null unless this write declared it) and tells the decoder, in a
// logical message just before the row, what the WAL of the row will not have.

#include "core/jsonb.h"
#include "core/message.h"
#include "core/tracking.h"
#include "pg/compat.h"
#include "pg/entry.h"
#include "pg/image.h"
#include "pg/trigger.h"

extern "C" {
#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/catalog.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace txsync::api {

namespace {

struct Attribute
{
	int number = 0; // 0: the table has none
	pg::Layout layout;
};

// What the trigger needs to know of its table, kept for the statement.
struct Table
{
	Attribute tx;
	Oid org_output = InvalidOid; // of its type
	Attribute org;               // only where an old row in the WAL does not have it
	bool org_is_made = false;    // generated, after the triggers: what an update makes of it is not known here
	Attribute ids[INDEX_MAX_KEYS];
	int id_count = 0;
	bool ids_in_identity = true; // which track() asks for, but who owns the table may change
	bool logged = false;         // changes of it are decoded
};

// The row that an UPDATE of a partition, one that keeps the id, was last about to change. If the DELETE trigger is
// called for the same row version in the same subtransaction, the row is moving to another partition: the server tells
// its triggers no other way. Should another trigger have kept the update from happening, the decoder finds no insert
// that goes with the delete, and tells it as the delete that it is.
struct LastUpdate
{
	Oid relation;
	ItemPointerData row;
	SubTransactionId subtransaction;
	TransactionId transaction;

	static LastUpdate
	Of(Relation relation, HeapTuple row)
	{
		return {RelationGetRelid(relation), row->t_self, GetCurrentSubTransactionId(), GetTopTransactionId()};
	}

	bool
	operator==(const LastUpdate &other) const
	{
		return relation == other.relation && subtransaction == other.subtransaction &&
			   transaction == other.transaction && std::memcmp(&row, &other.row, sizeof row) == 0;
	}
};

constinit LastUpdate last_update = {};

Attribute
Find(TupleDesc desc, const std::string &name)
{
	for (int i = 0; i < desc->natts; i++) {
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		if (!attribute->attisdropped && name == NameStr(attribute->attname))
			return {attribute->attnum, {attribute->attlen, attribute->attbyval}};
	}
	return {};
}

bool
InIdentity(Relation relation, Attribute attribute)
{
	if (relation->rd_rel->relreplident == REPLICA_IDENTITY_FULL)
		return true;
	const Bitmapset *identity =
		pg::Call([&] { return RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_IDENTITY_KEY); });
	return bms_is_member(attribute.number - FirstLowInvalidHeapAttributeNumber, identity);
}

Table
Describe(const TriggerData &data)
{
	Relation relation = data.tg_relation;
	TupleDesc desc = RelationGetDescr(relation);
	std::optional<core::Tracking> tracking = core::ParseTracking(pg::Arguments(*data.tg_trigger));
	if (!tracking)
		throw pg::Failure{ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
						  "the arguments of this trigger are not a tracking",
						  {},
						  "Use txsync.track() to create it."};
	Table table;
	table.logged = pg::Call([&] { return RelationIsLogicallyLogged(relation); });
	if (tracking->tx)
		table.tx = Find(desc, "tx");
	if (table.tx.number > 0 && TupleDescAttr(desc, table.tx.number - 1)->atttypid != JSONBOID)
		table.tx = {};
	if (!tracking->org_column.empty())
		table.org = Find(desc, tracking->org_column);
	if (table.org.number > 0 && InIdentity(relation, table.org))
		table.org = {};
	if (table.org.number > 0) {
		table.org_is_made = TupleDescAttr(desc, table.org.number - 1)->attgenerated != '\0';
		pg::Call([&] {
			bool varlena = false;
			getTypeOutputInfo(TupleDescAttr(desc, table.org.number - 1)->atttypid, &table.org_output, &varlena);
		});
	}
	for (const std::string &id : tracking->id_columns) {
		Attribute attribute = Find(desc, id);
		if (attribute.number == 0 || table.id_count == INDEX_MAX_KEYS)
			continue;
		table.ids[table.id_count++] = attribute;
		table.ids_in_identity = table.ids_in_identity && InIdentity(relation, attribute);
	}
	return table;
}

const Table &
TableOf(FunctionCallInfo fcinfo, const TriggerData &data)
{
	if (fcinfo->flinfo->fn_extra == nullptr) {
		static_assert(std::is_trivially_destructible_v<Table>);
		auto *room = pg::Call([&] { return MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(Table)); });
		fcinfo->flinfo->fn_extra = new (room) Table(Describe(data));
	}
	return *static_cast<const Table *>(fcinfo->flinfo->fn_extra);
}

// A column's value, in memory and decompressed.
struct Value
{
	Datum datum = 0;
	bool null = true;
};

Value
Fetch(HeapTuple row, TupleDesc desc, Attribute attribute)
{
	Value value;
	if (attribute.number == 0)
		return value;
	pg::Call([&] {
		value.datum = heap_getattr(row, attribute.number, desc, &value.null);
		if (!value.null && attribute.layout.length == -1)
			value.datum = PointerGetDatum(PG_DETOAST_DATUM_PACKED(value.datum));
	});
	return value;
}

bool
SameValue(TupleDesc desc, Attribute attribute, HeapTuple before, HeapTuple after)
{
	Value a = Fetch(before, desc, attribute);
	Value b = Fetch(after, desc, attribute);
	return a.null == b.null && (a.null || pg::Image(a.datum, attribute.layout) == pg::Image(b.datum, attribute.layout));
}

bool
SameKey(const Table &table, TupleDesc desc, HeapTuple before, HeapTuple after)
{
	return std::all_of(table.ids, table.ids + table.id_count,
					   [&](Attribute id) { return SameValue(desc, id, before, after); });
}

// The decoder passes over what was said in vain.
bool
MayChangeOrganization(const Table &table, TupleDesc desc, HeapTuple before, HeapTuple after)
{
	return table.org.number > 0 && (table.org_is_made || !SameValue(desc, table.org, before, after));
}

// Whether this transaction gave the row the tx that it has.
bool
WrittenHere(HeapTuple row)
{
	return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(row->t_data));
}

// Whether the UPDATE says by whom it is: its tx is another than before, or the one that this transaction has just given
// the row. An ORM that saves every column writes the old tx back, which says nothing.
bool
Declares(const Table &table, TupleDesc desc, HeapTuple before, HeapTuple after)
{
	return pg::Call([&] {
		bool old_null = true;
		bool new_null = true;
		Datum old_tx = heap_getattr(before, table.tx.number, desc, &old_null);
		Datum new_tx = heap_getattr(after, table.tx.number, desc, &new_null);
		if (new_null || old_null)
			return true;
		return WrittenHere(before) || !datum_image_eq(old_tx, new_tx, table.tx.layout.by_value, table.tx.layout.length);
	});
}

HeapTuple
WithoutTx(HeapTuple row, TupleDesc desc, const Table &table)
{
	return pg::Call([&] {
		int column = table.tx.number;
		Datum value = 0;
		bool null = true;
		return heap_modify_tuple_by_cols(row, desc, 1, &column, &value, &null);
	});
}

// A value that stays in the TOAST table would not be in the WAL of this change: it is stored anew.
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

// What names the entity and whose it is, where the server does not log it with the old row.
HeapTuple
WithEntityInWal(HeapTuple row, TupleDesc desc, const Table &table)
{
	row = WithInWal(row, desc, table.org);
	for (int i = 0; i < table.id_count && !table.ids_in_identity; i++)
		row = WithInWal(row, desc, table.ids[i]);
	return row;
}

void
Log(core::Hint::Kind kind, const TriggerData &data, const Table &table, const Value &org, const core::Tx &tx)
{
	TupleDesc desc = RelationGetDescr(data.tg_relation);
	core::Buffer key;
	for (int i = 0; i < table.id_count; i++) {
		Value id = Fetch(data.tg_trigtuple, desc, table.ids[i]);
		core::AppendKeyPart(key, id.null ? std::string_view() : pg::Image(id.datum, table.ids[i].layout));
	}
	core::Hint hint;
	hint.kind = kind;
	hint.relation = RelationGetRelid(data.tg_relation);
	hint.key = key.View();
	if (!org.null)
		hint.organization = pg::Call([&] { return OidOutputFunctionCall(table.org_output, org.datum); });
	hint.transaction_id = tx.transaction_id;
	hint.source_id = tx.source_id;
	core::Buffer message;
	core::Write(message, hint);
	pg::Call([&] { pg::LogTransactionalMessage(core::kMessagePrefix, message.View()); });
}

HeapTuple
OnUpdate(const TriggerData &data, const Table &table)
{
	TupleDesc desc = RelationGetDescr(data.tg_relation);
	HeapTuple before = data.tg_trigtuple;
	HeapTuple after = data.tg_newtuple;
	if (data.tg_relation->rd_rel->relispartition && SameKey(table, desc, before, after))
		last_update = pg::Call([&] { return LastUpdate::Of(data.tg_relation, before); });
	if (table.logged && MayChangeOrganization(table, desc, before, after))
		Log(core::Hint::Kind::kOrg, data, table, Fetch(before, desc, table.org), {});
	if (table.logged)
		after = WithEntityInWal(after, desc, table);
	if (table.tx.number == 0)
		return after;
	if (Declares(table, desc, before, after))
		return WithInWal(after, desc, table.tx);
	if (SessionReplicationRole != SESSION_REPLICATION_ROLE_REPLICA)
		return WithoutTx(after, desc, table);
	// In replica role the row is kept as it comes from elsewhere; but nothing says that its tx is this update's.
	if (table.logged)
		Log(core::Hint::Kind::kLeftover, data, table, {}, {});
	return after;
}

// The tx that the row has, if the decoder would tell it. Views into memory of the statement.
core::Tx
StoredTx(HeapTuple row, TupleDesc desc, Attribute attribute)
{
	struct varlena *jsonb = pg::Call([&] {
		bool null = true;
		Datum stored = heap_getattr(row, attribute.number, desc, &null);
		// Of one that is too large not even a copy is made.
		return null || toast_raw_datum_size(stored) - VARHDRSZ > core::Tx::kMaxBytes ? nullptr
																					 : PG_DETOAST_DATUM(stored);
	});
	core::Tx tx;
	if (jsonb == nullptr || core::ReadTx({VARDATA(jsonb), VARSIZE(jsonb) - VARHDRSZ}, tx) != nullptr)
		return {};
	return tx;
}

HeapTuple
OnDelete(const TriggerData &data, const Table &table)
{
	HeapTuple row = data.tg_trigtuple;
	if (!table.logged)
		return row;
	TupleDesc desc = RelationGetDescr(data.tg_relation);
	bool moves = data.tg_relation->rd_rel->relispartition &&
				 pg::Call([&] { return LastUpdate::Of(data.tg_relation, row) == last_update; });
	Value org = Fetch(row, desc, table.org);
	core::Tx tx;
	if (table.tx.number > 0 && WrittenHere(row))
		tx = StoredTx(row, desc, table.tx);
	if (moves || !org.null || !tx.IsNull())
		Log(moves ? core::Hint::Kind::kMove : core::Hint::Kind::kDelete, data, table, org, tx);
	return row;
}

HeapTuple
OnRow(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		throw pg::Failure{ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
						  "txsync.row_trigger() can only be called as a trigger"};
	auto &data = *reinterpret_cast<TriggerData *>(fcinfo->context);
	if (!TRIGGER_FIRED_BEFORE(data.tg_event) || !TRIGGER_FIRED_FOR_ROW(data.tg_event))
		throw pg::Failure{ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
						  "txsync.row_trigger() must be a BEFORE ROW trigger"};
	if (TRIGGER_FIRED_BY_INSERT(data.tg_event))
		throw pg::Failure{ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED,
						  "txsync.row_trigger() must be a trigger for UPDATE OR DELETE"};
	const Table &table = TableOf(fcinfo, data);
	return TRIGGER_FIRED_BY_UPDATE(data.tg_event) ? OnUpdate(data, table) : OnDelete(data, table);
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(row_trigger);

PGDLLEXPORT Datum
row_trigger(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return PointerGetDatum(OnRow(fcinfo)); });
}

} // extern "C"

} // namespace txsync::api
