#pragma once

#include "api/extension_lock.h"
#include "pg/call.h"

extern "C" {
#include "access/xact.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "storage/lmgr.h"
#include "utils/snapmgr.h"
}

namespace txsync::worker {

// A transaction of the worker's; an exception leaves it to the end of the process.
class Transaction
{
public:
	Transaction()
	{
		pg::Call([] {
			SetCurrentStatementStartTimestamp();
			StartTransactionCommand();
			// As DROP EXTENSION does, before it locks what the extension has, in an order of its own.
			LockDatabaseObject(ExtensionRelationId, get_extension_oid("txsync", false), api::kExtensionItself,
							   AccessShareLock);
			PushActiveSnapshot(GetTransactionSnapshot());
		});
	}
	Transaction(const Transaction &) = delete;

	void
	Commit()
	{
		pg::Call([] {
			PopActiveSnapshot();
			CommitTransactionCommand();
		});
	}
};

} // namespace txsync::worker
