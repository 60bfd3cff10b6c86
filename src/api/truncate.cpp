#include "api/truncate.h"

#include "api/author.h"
#include "api/declaration.h"
#include "pg/entry.h"
#include "pg/trigger.h"

extern "C" {
#include "access/relation.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
}

namespace txsync::api {

namespace {

object_access_hook_type next_access;

// Of partitions, too, which have copies of the trigger.
bool
IsTracked(Oid table)
{
	return pg::Call([&] {
		Relation relation = relation_open(table, AccessShareLock);
		bool tracked = pg::FindRowTrigger(relation) != nullptr;
		relation_close(relation, AccessShareLock);
		return tracked;
	});
}

void
OnAccess(ObjectAccessType access, Oid catalog, Oid object, int part, void *arg)
{
	if (next_access != nullptr)
		next_access(access, catalog, object, part, arg);
	const Declaration *declared = Declared();
	if (access == OAT_TRUNCATE && declared != nullptr && declared->kind == Declaration::Kind::kDuplicate)
		pg::Entry([&] {
			if (IsTracked(object))
				RefuseDuplicate(*declared);
		});
}

} // namespace

void
WatchTruncate()
{
	next_access = object_access_hook;
	object_access_hook = OnAccess;
}

} // namespace txsync::api
