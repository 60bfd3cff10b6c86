#include "api/registry.h"

#include "api/attach.h"
#include "pg/call.h"
#include "pg/trigger.h"

extern "C" {
#include "access/relation.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "storage/lmgr.h"
}

namespace txsync::api {

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
	for (Oid oid : pg::RelationsWithRowTrigger()) {
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
