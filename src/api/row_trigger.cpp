// The row trigger of a tracked table. It keeps tx and versions true, and tells the decoder what the WAL of the row will
// not have.

#include "api/author.h"
#include "api/row_check.h"
#include "api/row_move.h"
#include "api/row_versions.h"
#include "api/row_wal.h"
#include "core/nullable.h"
#include "pg/compat.h"
#include "pg/entry.h"

extern "C" {
#include "access/xact.h"
#include "commands/trigger.h"
#include "utils/rel.h"
}

namespace txsync::api {

namespace {

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

bool
IsReplica()
{
	return SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA;
}

HeapTuple
OnInsert(const TriggerData &data, const RowTable &table)
{
	TupleDesc desc = RelationGetDescr(data.tg_relation);
	HeapTuple row = data.tg_trigtuple;
	if (IsReplica() || (table.versions.number > 0 && Arrives(table, desc, row))) // which keeps what it was given
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
		LogHint(data, table, hint);
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
		NoteUpdate(data.tg_relation, before);
	if (table.logged)
		LogOldOrganization(data, table);
	if (IsReplica()) {
		after = OnReplicaUpdate(data, table);
		return table.logged ? WithEntityInWal(after, desc, table) : after;
	}
	Author author = AuthorOf({table, desc, before, after});
	core::Buffer versions;
	if (table.versions.number > 0 && same_key) {
		AdvanceVersions(versions, table, desc, before, after, author);
		NoteVersions(versions.View());
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
	if (!table.logged)
		return data.tg_trigtuple;
	std::optional<std::string> org = OrganizationToTell(table, RelationGetDescr(data.tg_relation), data.tg_trigtuple);
	core::Hint hint;
	hint.kind = core::Hint::Kind::kMove;
	hint.organization = core::ViewOf(org);
	LogHint(data, table, hint);
	return data.tg_trigtuple;
}

HeapTuple
OnDelete(const TriggerData &data, const RowTable &table)
{
	HeapTuple row = data.tg_trigtuple;
	TupleDesc desc = RelationGetDescr(data.tg_relation);
	if (data.tg_relation->rd_rel->relispartition && Leaves(data.tg_relation, row))
		return OnMove(data, table);
	Author author = AuthorOf({table, desc, row, nullptr});
	core::Hint hint;
	if (table.versions.number > 0) {
		core::Buffer store;
		core::Versions versions = VersionsOf(store, table, desc, row);
		if (RowCheck *check = RowCheck::Of(table.root))
			check->Look(versions, table, desc, row);
		BuryRow(table, desc, row, author, versions);
		hint.row_version = versions.RowVersion() + 1;
		hint.version = author.id;
	}
	std::optional<std::string> org = OrganizationToTell(table, desc, row);
	hint.organization = core::ViewOf(org);
	hint.transaction_id = author.tx.transaction_id;
	hint.source_id = author.tx.source_id;
	if (table.logged)
		LogHint(data, table, hint);
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
