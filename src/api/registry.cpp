#include "api/registry.h"

#include "api/attach.h"
#include "pg/call.h"
#include "pg/trigger.h"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
}

namespace txsync::api {

namespace {

// The tables with a trigger of our trigger's name that is not a partition's copy.
std::vector<Oid>
Candidates()
{
	struct Found
	{
		Oid *oids;
		size_t count;
	};
	Found found = pg::Call([] {
		List *oids = NIL;
		Relation triggers = table_open(TriggerRelationId, AccessShareLock);
		SysScanDesc scan = systable_beginscan(triggers, InvalidOid, false, nullptr, 0, nullptr);
		while (HeapTuple tuple = systable_getnext(scan)) {
			auto *trigger = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple));
			if (!OidIsValid(trigger->tgparentid) && strcmp(NameStr(trigger->tgname), pg::kRowTriggerName) == 0)
				oids = lappend_oid(oids, trigger->tgrelid);
		}
		systable_endscan(scan);
		table_close(triggers, AccessShareLock);

		Found copy = {static_cast<Oid *>(palloc(sizeof(Oid) * static_cast<size_t>(list_length(oids) + 1))), 0};
		for (int i = 0; i < list_length(oids); i++)
			copy.oids[copy.count++] = list_nth_oid(oids, i);
		return copy;
	});
	return {found.oids, found.oids + found.count};
}

} // namespace

void
LockRegistry()
{
	pg::Call([] {
		LockDatabaseObject(ExtensionRelationId, get_extension_oid("txsync", false), 0, ShareUpdateExclusiveLock);
	});
}

Oid
RelationOf(std::string_view entity_type)
{
	for (Oid oid : Candidates()) {
		Relation relation = pg::Call([&] { return try_relation_open(oid, AccessShareLock); });
		if (relation == nullptr)
			continue;
		std::optional<core::Tracking> tracking = TrackingOf(relation);
		pg::Call([&] { relation_close(relation, AccessShareLock); });
		if (tracking && tracking->entity_type == entity_type)
			return oid;
	}
	return InvalidOid;
}

} // namespace txsync::api
