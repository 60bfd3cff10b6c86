#include "api/registry.h"

#include "api/extension_lock.h"
#include "pg/trigger.h"

extern "C" {
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "storage/lmgr.h"
}

namespace txsync::api {

void
LockRegistry()
{
	pg::Call([] {
		Oid extension = get_extension_oid("txsync", false);
		// The extension stays meanwhile. Its own lock is for nothing more than that: DDL takes it with tables locked,
		// and track() locks tables with the registry locked.
		LockDatabaseObject(ExtensionRelationId, extension, kExtensionItself, AccessShareLock);
		LockDatabaseObject(ExtensionRelationId, extension, kRegistry, ShareUpdateExclusiveLock);
	});
}

std::optional<Tracked>
TrackedAs(std::string_view entity_type)
{
	for (const pg::TrackedTable &table : pg::TrackedTables()) {
		std::optional<core::Tracking> tracking = core::ParseTracking(pg::SplitArguments(table.arguments));
		if (tracking && tracking->entity_type == entity_type)
			return Tracked{table.relation, std::move(*tracking)};
	}
	return std::nullopt;
}

} // namespace txsync::api
