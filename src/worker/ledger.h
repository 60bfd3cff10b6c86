#pragma once
// The ledger's partitions: made before they are needed, dropped when what is in them is old.

#include "pg/server.h"

#include <optional>
#include <string>

extern "C" {
#include "storage/block.h"
#include "utils/timestamp.h"
}

namespace txsync::worker {

class LedgerKeeper
{
public:
	// Looks once a minute. Nothing that is wrong with the ledger keeps capture from going on: no lock is waited for
	// longer than an instant, and what somebody is in the way of is tried again soon; what fails is told, and undone.
	void Keep();

private:
	struct Failure
	{
		std::string message;
		std::string detail;
	};

	using DeleteOld = void(const std::string &table, const std::string &piece);

	template <class F>
	bool Try(F &&work);
	void MakeDays();
	void DropDays();
	void Prune();
	bool Sweep(const char *table, BlockNumber &next, DeleteOld *delete_old);
	void LoadTold();
	void Tell();
	void PutOff();

	TimestampTz due_ = 0;
	TimestampTz prune_due_ = 0;
	BlockNumber rest_ = 0; // where the next piece begins
	BlockNumber untimed_ = 0;
	int wait_ms_ = 0; // how long after somebody was in the way
	bool busy_ = false;
	bool more_ = false;
	std::optional<Failure> failure_;  // the first of this time
	std::optional<std::string> told_; // what sync_log says last; empty: all is well
};

} // namespace txsync::worker
