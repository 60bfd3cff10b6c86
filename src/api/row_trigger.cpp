// The row trigger of a tracked table. It keeps tx and versions true, and tells the decoder, in a logical message just
// before the row, what the WAL of the row will not have.

#include "api/author.h"
#include "api/clock.h"
#include "api/row_check.h"
#include "api/tombstone.h"
#include "core/advance.h"
#include "core/jsonb.h"
#include "core/message.h"
#include "pg/compat.h"
#include "pg/entry.h"

#include <functional>

extern "C" {
#include "access/detoast.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "utils/datum.h"
#include "utils/rel.h"
}

namespace txsync::api {

namespace {

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

// The versions that the UPDATE of a row that is moving has given it, as a digest: the INSERT of the same versions is
// the other half. 0: no row is moving.
struct Moving
{
	size_t versions; // of the last update
	size_t expected; // by the next insert
	SubTransactionId subtransaction;
	TransactionId transaction;
};

constinit Moving moving = {};

size_t
Digest(std::string_view bytes)
{
	return std::hash<std::string_view>()(bytes) | 1;
}

// The decoder passes over what was said in vain.
bool
MayChangeOrganization(const RowTable &table, TupleDesc desc, HeapTuple before, HeapTuple after)
{
	return MustTellOrganization(table) && (table.org_is_made || !SameValue(desc, table.org, before, after));
}

// ---- What goes into the WAL beside the row

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
WithEntityInWal(HeapTuple row, TupleDesc desc, const RowTable &table)
{
	row = WithInWal(row, desc, table.org);
	for (int i = 0; i < table.id_count && !table.ids_in_identity; i++)
		row = WithInWal(row, desc, table.ids[i]);
	return row;
}

std::string_view
ViewOf(const std::optional<std::string> &text)
{
	return text ? std::string_view(*text) : std::string_view();
}

void
Log(const TriggerData &data, const RowTable &table, core::Hint hint)
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
	std::optional<std::string> org = Organization(table, RelationGetDescr(data.tg_relation), data.tg_trigtuple);
	core::Hint hint;
	hint.kind = core::Hint::Kind::kOrg;
	hint.organization = ViewOf(org);
	Log(data, table, hint);
}

// ---- Versions

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

// The versions that a row has. `store` keeps what is not in the row.
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
		if (core::ReadTx({VARDATA(jsonb), VARSIZE(jsonb) - VARHDRSZ}, creator) != nullptr)
			creator = {};
	}
	return core::Versions::Fresh(store, creator.transaction_id, core::TimeOf(creator.transaction_id));
}

// Of a row that comes. There are none where its tx says all that there is to say. An entity that comes again goes on
// from its last life: who knows that would otherwise take this one for it.
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

// For an op that is being applied.
void
Look(const RowTable &table, TupleDesc desc, HeapTuple row, const core::Versions &versions)
{
	if (RowCheck *check = RowCheck::Of(table.root))
		check->Look(versions, table, desc, row);
}

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

void
AdvanceVersions(core::Buffer &out, const RowTable &table, TupleDesc desc, HeapTuple before, HeapTuple after,
				const Author &author)
{
	core::Buffer store;
	core::Versions versions = VersionsOf(store, table, desc, before);
	Look(table, desc, before, versions);
	Fields fields(table, desc, before, after, DeclaredColumn(table, desc, author));
	core::Advance(out, versions, {author.id, author.time, fields.Changed()}, StampCeiling());
}

HeapTuple
WithAuthor(HeapTuple row, TupleDesc desc, const RowTable &table, const Author &author, std::string_view versions)
{
	return pg::Call([&] {
		int columns[] = {table.tx.number, table.versions.number};
		Datum values[] = {author.jsonb, 0};
		bool nulls[] = {author.jsonb == 0, versions.empty()};
		if (!versions.empty()) {
			auto *bytes = static_cast<bytea *>(palloc(VARHDRSZ + versions.size()));
			SET_VARSIZE(bytes, VARHDRSZ + versions.size());
			memcpy(VARDATA(bytes), versions.data(), versions.size());
			values[1] = PointerGetDatum(bytes);
		}
		return heap_modify_tuple_by_cols(row, desc, table.versions.number > 0 ? 2 : 1, columns, values, nulls);
	});
}

void
BuryRow(const RowTable &table, TupleDesc desc, HeapTuple row, const Author &author, const core::Versions &versions)
{
	std::string id = EntityId(table, desc, row);
	std::optional<std::string> org = Organization(table, desc, row);
	Bury({table.entity_type, id, ViewOf(org), author.id, std::min(author.time, StampCeiling()),
		  versions.RowVersion() + 1});
}

// ---- The three kinds of writes

bool
IsReplica()
{
	return SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA;
}

// The second half of a move keeps what the first has given the row.
bool
Arrives(const RowTable &table, TupleDesc desc, HeapTuple row)
{
	if (moving.expected == 0 || moving.transaction != GetTopTransactionIdIfAny() ||
		moving.subtransaction != GetCurrentSubTransactionId())
		return false;
	Value versions = Fetch(row, desc, table.versions);
	if (versions.null || Digest(pg::Image(versions.datum, table.versions.layout)) != moving.expected)
		return false;
	moving.expected = 0;
	return true;
}

HeapTuple
OnInsert(const TriggerData &data, const RowTable &table)
{
	TupleDesc desc = RelationGetDescr(data.tg_relation);
	HeapTuple row = data.tg_trigtuple;
	if (IsReplica() || (table.versions.number > 0 && Arrives(table, desc, row)))
		return row;
	Author author = AuthorOf({table, desc, nullptr, row});
	if (table.tx.number == 0)
		return row;
	if (RowCheck *check = RowCheck::Of(table.root))
		check->LookAtNew(table, desc, row);
	core::Buffer versions;
	if (table.versions.number > 0)
		StartVersions(versions, table, desc, row, author);
	bool bare = author.jsonb == 0 && versions.Size() == 0 && heap_attisnull(row, table.tx.number, desc) &&
				(table.versions.number == 0 || heap_attisnull(row, table.versions.number, desc));
	return bare ? row : WithAuthor(row, desc, table, author, versions.View());
}

// Whether an UPDATE in replica role brings the tx that the row had, which nobody says is this update's.
bool
BringsLeftover(const RowTable &table, TupleDesc desc, HeapTuple before, HeapTuple after)
{
	return table.tx.number > 0 && !heap_attisnull(after, table.tx.number, desc) &&
		   !heap_attisnull(before, table.tx.number, desc) && SameValue(desc, table.tx, before, after) &&
		   !TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(before->t_data));
}

// In replica role the row is kept as it comes from elsewhere.
HeapTuple
OnReplicaUpdate(const TriggerData &data, const RowTable &table)
{
	TupleDesc desc = RelationGetDescr(data.tg_relation);
	if (!BringsLeftover(table, desc, data.tg_trigtuple, data.tg_newtuple))
		return table.logged ? WithInWal(data.tg_newtuple, desc, table.tx) : data.tg_newtuple;
	core::Hint hint;
	hint.kind = core::Hint::Kind::kLeftover;
	if (table.logged)
		Log(data, table, hint);
	return data.tg_newtuple;
}

HeapTuple
OnUpdate(const TriggerData &data, const RowTable &table)
{
	TupleDesc desc = RelationGetDescr(data.tg_relation);
	HeapTuple before = data.tg_trigtuple;
	HeapTuple after = data.tg_newtuple;
	bool same_key = SameKey(table, desc, before, after);
	if (data.tg_relation->rd_rel->relispartition && same_key)
		last_update = pg::Call([&] { return LastUpdate::Of(data.tg_relation, before); });
	if (table.logged && MayChangeOrganization(table, desc, before, after))
		LogOldOrganization(data, table);
	if (IsReplica()) {
		after = OnReplicaUpdate(data, table);
		return table.logged ? WithEntityInWal(after, desc, table) : after;
	}
	Author author = AuthorOf({table, desc, before, after});
	core::Buffer versions;
	if (table.versions.number > 0 && same_key) {
		AdvanceVersions(versions, table, desc, before, after, author);
		moving = {};
		moving.versions = Digest(versions.View());
	} else if (table.versions.number > 0) {
		core::Buffer store;
		BuryRow(table, desc, before, author, VersionsOf(store, table, desc, before));
		StartVersions(versions, table, desc, after, author);
	}
	if (table.tx.number > 0)
		after = WithAuthor(after, desc, table, author, versions.View());
	return table.logged ? WithEntityInWal(after, desc, table) : after;
}

HeapTuple
OnMove(const TriggerData &data, const RowTable &table)
{
	moving.expected = moving.versions;
	moving.subtransaction = GetCurrentSubTransactionId();
	moving.transaction = GetTopTransactionIdIfAny();
	if (!table.logged)
		return data.tg_trigtuple;
	std::optional<std::string> org;
	if (MustTellOrganization(table))
		org = Organization(table, RelationGetDescr(data.tg_relation), data.tg_trigtuple);
	core::Hint hint;
	hint.kind = core::Hint::Kind::kMove;
	hint.organization = ViewOf(org);
	Log(data, table, hint);
	return data.tg_trigtuple;
}

HeapTuple
OnDelete(const TriggerData &data, const RowTable &table)
{
	HeapTuple row = data.tg_trigtuple;
	TupleDesc desc = RelationGetDescr(data.tg_relation);
	if (data.tg_relation->rd_rel->relispartition &&
		pg::Call([&] { return LastUpdate::Of(data.tg_relation, row) == last_update; }))
		return OnMove(data, table);
	Author author = AuthorOf({table, desc, row, nullptr});
	core::Hint hint;
	if (table.versions.number > 0) {
		core::Buffer store;
		core::Versions versions = VersionsOf(store, table, desc, row);
		Look(table, desc, row, versions);
		BuryRow(table, desc, row, author, versions);
		hint.row_version = versions.RowVersion() + 1;
		hint.version = author.id;
	}
	std::optional<std::string> org;
	if (MustTellOrganization(table))
		org = Organization(table, desc, row);
	hint.organization = ViewOf(org);
	hint.transaction_id = author.tx.transaction_id;
	hint.source_id = author.tx.source_id;
	if (table.logged)
		Log(data, table, hint);
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
	const RowTable &table = RowTableOf(fcinfo, data);
	if (TRIGGER_FIRED_BY_INSERT(data.tg_event))
		return OnInsert(data, table);
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
