#pragma once
// Transactions whose changes were told before it is known whether they happen.

#include "client/line.h"
#include "client/spool.h"

#include <functional>
#include <unordered_map>
#include <vector>

namespace txsync::client {

// Keeps a few MB of them in memory, and the rest in temporary files.
class Undecided
{
public:
	// Takes whole lines, with their line feeds.
	using Sink = std::function<void(std::string_view lines)>;

	// A change in the transaction `xid`, or in a subtransaction of it. Throws Failure.
	void Add(uint32_t xid, std::string_view line);

	// What a subtransaction told will not happen.
	void Forget(uint32_t xid, uint32_t subxid);

	// Nothing of the transaction will happen.
	void Forget(uint32_t xid);

	// The transaction has committed: hands out all that was not forgotten, and keeps nothing. One that told nothing is
	// no error. Throws Failure, and what `sink` throws.
	void Settle(const ControlLine &commit, const Sink &sink);

	void Clear();

private:
	struct Transaction
	{
		Spool spool;
		std::vector<uint32_t> forgotten; // subtransactions, sorted
	};

	void Spill();

	std::unordered_map<uint32_t, Transaction> transactions_;
	size_t in_memory_ = 0;
};

} // namespace txsync::client
