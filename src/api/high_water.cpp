#include "api/high_water.h"

extern "C" {
#include "access/generic_xlog.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/sequence.h"
#include "storage/bufmgr.h"
#include "storage/bufpage.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace txsync::api {

namespace {

// What is known of the page, and of which relation it is: one backend's memory of what all have on disk.
uint64_t known;
Oid known_relation;

// A sequence that was dropped, or made anew, has another page.
void
ForgetChanged(Datum, Oid relation)
{
	if (!OidIsValid(relation) || relation == known_relation)
		known = 0;
}

void
FollowChanges()
{
	static bool following;
	if (!following)
		CacheRegisterRelcacheCallback(ForgetChanged, 0);
	following = true;
}

// Looked up by name each time: the extension may have been made anew. Its lock keeps ALTER SEQUENCE away.
Relation
OpenSequence()
{
	Oid schema = get_namespace_oid("txsync", true);
	Oid sequence = OidIsValid(schema) ? get_relname_relid("clock", schema) : InvalidOid;
	Relation relation = OidIsValid(sequence) ? try_relation_open(sequence, RowExclusiveLock) : nullptr;
	if (relation == nullptr || relation->rd_rel->relkind != RELKIND_SEQUENCE)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("sequence txsync.clock does not exist")));
	return relation;
}

// The only row of a sequence.
FormData_pg_sequence_data *
Row(Page page)
{
	ItemId item = PageGetMaxOffsetNumber(page) == FirstOffsetNumber ? PageGetItemId(page, FirstOffsetNumber) : nullptr;
	if (item == nullptr || !ItemIdIsNormal(item))
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("sequence txsync.clock has no row")));
	auto *tuple = reinterpret_cast<HeapTupleHeader>(PageGetItem(page, item));
	return reinterpret_cast<FormData_pg_sequence_data *>(reinterpret_cast<char *>(tuple) + tuple->t_hoff);
}

// A sequence's other number counts values that were logged ahead, which nobody takes here: it says whose the mark is.
void
Write(Relation relation, Buffer buffer, const HighWater &mark)
{
	GenericXLogState *log = GenericXLogStart(relation);
	FormData_pg_sequence_data *row = Row(GenericXLogRegisterBuffer(log, buffer, 0));
	row->last_value = static_cast<int64>(mark.wall_ms);
	row->log_cnt = static_cast<int64>(mark.clock);
	GenericXLogFinish(log);
}

} // namespace

uint64_t
KnownHighWater()
{
	return known;
}

void
UpdateHighWater(bool (*update)(HighWater &mark, uint64_t wall_ms), uint64_t wall_ms)
{
	pg::Call([&] {
		FollowChanges();
		Relation relation = OpenSequence();
		Buffer buffer = ReadBuffer(relation, 0);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		const FormData_pg_sequence_data *row = Row(BufferGetPage(buffer));
		HighWater mark{static_cast<uint64_t>(row->last_value), static_cast<uint64_t>(row->log_cnt)};
		if (update(mark, wall_ms))
			Write(relation, buffer, mark);
		// Another backend may have raised it, and not flushed it yet.
		XLogRecPtr lsn = PageGetLSN(BufferGetPage(buffer));
		UnlockReleaseBuffer(buffer);
		XLogFlush(lsn);
		known = mark.wall_ms;
		known_relation = RelationGetRelid(relation);
		relation_close(relation, RowExclusiveLock);
	});
}

} // namespace txsync::api
