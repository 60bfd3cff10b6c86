#pragma once
// What differs between PostgreSQL 15 and 18, in the newest form. The only file that asks for PG_VERSION_NUM.

#include "pg/server.h"

extern "C" {
#include "access/heapam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "common/jsonapi.h"
#include "access/genam.h"
#include "nodes/execnodes.h"
#include "mb/pg_wchar.h"
#include "replication/logical.h"
#include "replication/message.h"
#include "replication/output_plugin.h"
#include "replication/reorderbuffer.h"
#include "replication/slot.h"
#include "utils/acl.h"
}

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#	error "txsync is built and tested for PostgreSQL 15 to 18"
#endif

namespace txsync::pg {

// 17 dropped the ReorderBufferTupleBuf around decoded tuples (08e6344fd642).
inline HeapTuple
OldTuple(ReorderBufferChange *change)
{
#if PG_VERSION_NUM >= 170000
	return change->data.tp.oldtuple;
#else
	return change->data.tp.oldtuple != nullptr ? &change->data.tp.oldtuple->tuple : nullptr;
#endif
}

inline HeapTuple
NewTuple(ReorderBufferChange *change)
{
#if PG_VERSION_NUM >= 170000
	return change->data.tp.newtuple;
#else
	return change->data.tp.newtuple != nullptr ? &change->data.tp.newtuple->tuple : nullptr;
#endif
}

// 16 put all ownership checks behind one function (afbfc02983f8).
inline bool
OwnsRelation(Oid relation, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(RelationRelationId, relation, role);
#else
	return pg_class_ownercheck(relation, role);
#endif
}

// From 16 on the server itself keeps a connection alive while a plugin finds nothing to tell (8c58624df462).
#if PG_VERSION_NUM >= 160000
inline constexpr bool kKeepsConnectionsAlive = true;
#else
inline constexpr bool kKeepsConnectionsAlive = false;
#endif

// From 15 on shared memory is asked for in a hook; it is the caller's to call the one before.
template <void (*Request)()>
void
RequestSharedMemory()
{
	static shmem_request_hook_type next;
	next = shmem_request_hook;
	shmem_request_hook = [] {
		if (next != nullptr)
			next();
		Request();
	};
}

// 17 lets access methods keep something between the inserts of a command (c1ec02be1d79).
inline void
EndIndexInserts([[maybe_unused]] Relation index, [[maybe_unused]] IndexInfo *info)
{
#if PG_VERSION_NUM >= 170000
	index_insert_cleanup(index, info);
#endif
}

// 18 counts what a scan does (0fbceae841cb).
inline IndexScanDesc
BeginIndexScan(Relation table, Relation index, Snapshot snapshot, int keys)
{
#if PG_VERSION_NUM >= 180000
	return index_beginscan(table, index, snapshot, nullptr, keys, 0);
#else
	return index_beginscan(table, index, snapshot, keys, 0);
#endif
}

// Of a row that nobody else can have locked; the index entries are the caller's. 16 tells which are needed
// (19d8e2308bc5).
inline void
UpdateRow(Relation table, ItemPointer row, HeapTuple fresh)
{
#if PG_VERSION_NUM >= 160000
	TU_UpdateIndexes indexes = TU_None;
	simple_heap_update(table, row, fresh, &indexes);
#else
	simple_heap_update(table, row, fresh);
#endif
}

// A logical slot of this database, which goes with an error until it is made persistent. 17 added slots that follow a
// failover (c393308b69d2).
inline void
CreateLogicalSlot(const char *name)
{
#if PG_VERSION_NUM >= 170000
	ReplicationSlotCreate(name, true, RS_EPHEMERAL, false, true, false);
#else
	ReplicationSlotCreate(name, true, RS_EPHEMERAL, false);
#endif
}

// Whether the server has removed what the slot needed. 16 keeps the reason (be87200efd93).
inline bool
IsInvalidated(const ReplicationSlotPersistentData &slot)
{
#if PG_VERSION_NUM >= 160000
	return slot.invalidated != RS_INVAL_NONE;
#else
	return slot.restart_lsn == InvalidXLogRecPtr && slot.invalidated_at != InvalidXLogRecPtr;
#endif
}

// Whether the standbys that synchronized_standby_slots names, if any, have the WAL up to here: a slot that follows a
// failover must not go ahead of them. 17 has both (bf279ddd1c28).
inline bool
StandbysHave([[maybe_unused]] XLogRecPtr lsn)
{
#if PG_VERSION_NUM >= 170000
	return StandbySlotsHaveCaughtup(lsn, DEBUG1);
#else
	return true;
#endif
}

// 18 gave it a parameter that asks for an error if the slot is invalidated (f41d8468ddea), which 15 to 17 give anyway.
inline void
AcquireSlot(const char *name)
{
#if PG_VERSION_NUM >= 180000
	ReplicationSlotAcquire(name, true, true);
#else
	ReplicationSlotAcquire(name, true);
#endif
}

inline bool
OwnsDatabase(Oid database, Oid role)
{
#if PG_VERSION_NUM >= 160000
	return object_ownercheck(DatabaseRelationId, database, role);
#else
	return pg_database_ownercheck(database, role);
#endif
}

// A logical message that is decoded if and when the transaction commits. 17 added the argument that flushes
// (173b56f1ef59).
inline void
LogTransactionalMessage(const char *prefix, std::string_view message)
{
#if PG_VERSION_NUM >= 170000
	LogLogicalMessage(prefix, message.data(), message.size(), true, false);
#else
	LogLogicalMessage(prefix, message.data(), message.size(), true);
#endif
}

// Whether a text is JSON. 17 gave the lexer a place of the caller's choice (1c99cde2f344).
inline bool
IsJson(std::string_view text, int encoding = PG_UTF8)
{
	auto *json = const_cast<char *>(text.data());
#if PG_VERSION_NUM >= 170000
	JsonLexContext *lex = makeJsonLexContextCstringLen(nullptr, json, text.size(), encoding, false);
#else
	JsonLexContext *lex = makeJsonLexContextCstringLen(json, static_cast<int>(text.size()), encoding, false);
#endif
	return pg_parse_json(lex, &nullSemAction) == JSON_SUCCESS;
}

} // namespace txsync::pg
