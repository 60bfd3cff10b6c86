#pragma once

#include "pg/call.h"

extern "C" {
#include "access/xact.h"
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
