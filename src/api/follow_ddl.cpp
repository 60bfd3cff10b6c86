// Tracking names columns, so it has to follow when they are renamed or dropped. Renames of tables and schemas need
// nothing: the trigger that carries the tracking belongs to the table.

#include "api/attach.h"
#include "pg/call.h"
#include "pg/entry.h"

extern "C" {
#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "commands/event_trigger.h"
#include "nodes/parsenodes.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace txsync::api {

namespace {

// The table that a command named, and all that inherit from it: ALTER TABLE recurses to them.
std::vector<Oid>
Affected(RangeVar *table)
{
	struct Found
	{
		Oid *oids;
		int count;
	};
	Found found = pg::Call([&] {
		Oid relation = RangeVarGetRelid(table, NoLock, true);
		List *all = OidIsValid(relation) ? find_all_inheritors(relation, NoLock, nullptr) : NIL;
		Found list = {static_cast<Oid *>(palloc(sizeof(Oid) * static_cast<size_t>(list_length(all) + 1))), 0};
		for (int i = 0; i < list_length(all); i++)
			list.oids[list.count++] = list_nth_oid(all, i);
		return list;
	});
	return {found.oids, found.oids + found.count};
}

std::optional<core::Tracking>
TrackingOfOid(Oid oid)
{
	Relation relation = pg::Call([&] { return try_relation_open(oid, NoLock); });
	if (relation == nullptr)
		return std::nullopt;
	std::optional<core::Tracking> tracking = TrackingOf(relation);
	pg::Call([&] { relation_close(relation, NoLock); });
	return tracking;
}

// Columns that are gone have nothing to hide and no changes to tell.
bool
ForgetDropped(Oid relation, core::Tracking &tracking)
{
	auto gone = [&](const std::string &column) {
		return pg::Call([&] { return get_attnum(relation, column.c_str()) == InvalidAttrNumber; });
	};
	size_t forgotten = std::erase_if(tracking.hidden, gone) + std::erase_if(tracking.lww, gone);
	if (tracking.bookkeeping)
		forgotten += std::erase_if(*tracking.bookkeeping, gone);
	if (!tracking.org_column.empty() && gone(tracking.org_column)) {
		tracking.org_column.clear();
		forgotten++;
	}
	return forgotten > 0;
}

void
Follow(const EventTriggerData &event)
{
	auto *rename = IsA(event.parsetree, RenameStmt) ? reinterpret_cast<RenameStmt *>(event.parsetree) : nullptr;
	auto *alter = IsA(event.parsetree, AlterTableStmt) ? reinterpret_cast<AlterTableStmt *>(event.parsetree) : nullptr;
	if (rename != nullptr && rename->renameType != OBJECT_COLUMN)
		return;
	RangeVar *table = rename != nullptr ? rename->relation : alter != nullptr ? alter->relation : nullptr;
	if (table == nullptr)
		return;
	for (Oid relation : Affected(table)) {
		std::optional<core::Tracking> tracking = TrackingOfOid(relation);
		if (!tracking)
			continue;
		bool changed = rename != nullptr ? core::RenameColumn(*tracking, rename->subname, rename->newname)
										 : ForgetDropped(relation, *tracking);
		if (changed)
			Attach(relation, *tracking);
	}
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(follow_ddl);

PGDLLEXPORT Datum
follow_ddl(PG_FUNCTION_ARGS)
{
	pg::Entry([&] {
		if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
			throw pg::Failure{ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED,
							  "txsync.follow_ddl() can only be called as an event trigger"};
		Follow(*reinterpret_cast<EventTriggerData *>(fcinfo->context));
	});
	PG_RETURN_NULL();
}

} // extern "C"

} // namespace txsync::api
