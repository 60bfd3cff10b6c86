#pragma once

#include "api/extension_lock.h"
#include "pg/call.h"

#include <exception>

extern "C" {
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
}

namespace txsync::api {

// Of compactions one at a time has it in a database, across its transactions; an error releases it, too.
class CompactionLock
{
public:
	CompactionLock()
	{
		Oid extension = pg::Call([] { return get_extension_oid("txsync", false); });
		SET_LOCKTAG_OBJECT(tag_, MyDatabaseId, ExtensionRelationId, extension, kCompaction);
		held_ = pg::Call([&] { return LockAcquire(&tag_, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL; });
	}
	CompactionLock(const CompactionLock &) = delete;
	~CompactionLock()
	{
		if (held_ && std::uncaught_exceptions() == 0)
			LockRelease(&tag_, ExclusiveLock, true);
	}

	bool
	IsHeld() const
	{
		return held_;
	}

private:
	LOCKTAG tag_;
	bool held_;
};

} // namespace txsync::api
