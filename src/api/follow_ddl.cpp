// Tracking names columns, so it has to follow when they are added, renamed or dropped. Renames of tables and schemas
// need nothing: the trigger that carries the tracking belongs to the table.

#include "api/attach.h"
#include "api/spi_value.h"
#include "api/table.h"
#include "pg/call.h"
#include "pg/entry.h"
#include "pg/trigger.h"

#include <algorithm>
#include <iterator>

extern "C" {
#include "access/relation.h"
#include "commands/event_trigger.h"
#include "nodes/parsenodes.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace txsync::api {

namespace {

// The tables whose columns the command changed: what it names, all that inherit from it, and the tables of its type.
constexpr char kAltered[] =
	"SELECT DISTINCT i FROM pg_event_trigger_ddl_commands() c, LATERAL (WITH RECURSIVE r(i) AS (SELECT c.objid "
	"UNION SELECT m.i FROM r, LATERAL (SELECT h.inhrelid FROM pg_inherits h WHERE h.inhparent = r.i UNION ALL "
	"SELECT t.oid FROM pg_class k JOIN pg_class t ON t.reloftype = k.reltype WHERE k.oid = r.i AND k.relkind = 'c') "
	"m(i)) SELECT i FROM r) t WHERE c.classid = 'pg_class'::regclass";

// The tables that lost columns, whatever command took them.
constexpr char kLostColumns[] = "SELECT DISTINCT objid AS i FROM pg_event_trigger_dropped_objects() "
								"WHERE classid = 'pg_class'::regclass AND objsubid <> 0";

// Those that may be tracked, by the catalog alone: opening another takes a lock that its writers can deadlock with, as
// when pg_restore -j loads a partition while it makes the parent's key.
std::vector<Oid>
Tracked(const std::string &relations)
{
	pg::Spi spi;
	spi.Execute("SELECT i FROM (" + relations +
				") r WHERE EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = i AND "
				"g.tgparentid = 0 AND g.tgname = " +
				pg::QuoteLiteral(pg::kRowTriggerName) + ")");
	return Oids();
}

std::optional<core::Tracking>
TrackingOfOid(Oid oid)
{
	Relation relation = pg::Call([&] { return try_relation_open(oid, AccessShareLock); });
	if (relation == nullptr)
		return std::nullopt;
	std::optional<core::Tracking> tracking = TrackingOf(relation);
	pg::Call([&] { relation_close(relation, NoLock); });
	return tracking;
}

// Columns that are gone have nothing to hide and no changes to tell; but what comes back under a hidden one's name is
// likely to be the same secret.
bool
ForgetDropped(Oid relation, core::Tracking &tracking)
{
	auto gone = [&](const std::string &column) {
		return pg::Call([&] { return get_attnum(relation, column.c_str()) == InvalidAttrNumber; });
	};
	std::ranges::copy_if(tracking.hidden, std::back_inserter(tracking.once_hidden), gone);
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
FollowRename(const RenameStmt &rename)
{
	if (rename.renameType != OBJECT_COLUMN && rename.renameType != OBJECT_ATTRIBUTE)
		return;
	for (Oid relation : Tracked(kAltered)) {
		std::optional<core::Tracking> tracking = TrackingOfOid(relation);
		if (tracking && core::RenameColumn(*tracking, rename.subname, rename.newname))
			Attach(relation, *tracking);
	}
}

bool
Renumber(Oid relation, core::Tracking &tracking)
{
	return core::NumberFields(tracking, VersionedColumns(Table(relation, AccessShareLock)));
}

void
FollowAdd()
{
	for (Oid relation : Tracked(kAltered)) {
		std::optional<core::Tracking> tracking = TrackingOfOid(relation);
		if (tracking && Renumber(relation, *tracking))
			Attach(relation, *tracking);
	}
}

void
FollowDrop()
{
	for (Oid relation : Tracked(kLostColumns)) {
		std::optional<core::Tracking> tracking = TrackingOfOid(relation);
		if (!tracking)
			continue;
		bool forgot = ForgetDropped(relation, *tracking);
		if (Renumber(relation, *tracking) || forgot)
			Attach(relation, *tracking);
	}
}

void
Follow(const EventTriggerData &event)
{
	if (strcmp(event.event, "sql_drop") == 0)
		FollowDrop();
	else if (IsA(event.parsetree, RenameStmt))
		FollowRename(*reinterpret_cast<RenameStmt *>(event.parsetree));
	else
		FollowAdd();
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
