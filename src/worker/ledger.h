#pragma once
// The ledger's partitions: made before they are needed, dropped when what is in them is old.

#include "pg/server.h"

extern "C" {
#include "utils/timestamp.h"
}

namespace txsync::worker {

class LedgerKeeper
{
public:
	// Looks once a minute. Never waits for a lock: what somebody is in the way of is done next time.
	void Keep();

private:
	void Prune();

	TimestampTz due_ = 0;
	TimestampTz prune_due_ = 0;
};

} // namespace txsync::worker
