#include "client/undecided.h"

#include <algorithm>

namespace txsync::client {

static constexpr size_t kMostInMemory = 8 << 20;
static constexpr size_t kPiece = 64 << 10;

void
Undecided::Add(uint32_t xid, std::string_view line)
{
	Foretold change = ParseForetold(line);
	Spool &spool = transactions_[xid].spool;
	size_t before = spool.InMemory();
	spool.Add(change.xid, change.text);
	in_memory_ += spool.InMemory() - before;
	if (in_memory_ > kMostInMemory)
		Spill();
}

void
Undecided::Spill()
{
	auto by_memory = [](const auto &a, const auto &b) { return a.second.spool.InMemory() < b.second.spool.InMemory(); };
	Spool &largest = std::max_element(transactions_.begin(), transactions_.end(), by_memory)->second.spool;
	in_memory_ -= largest.InMemory();
	largest.Spill();
}

// Twenty thousand savepoints may be rolled back in one transaction, mostly in the order of their ids.
void
Undecided::Forget(uint32_t xid, uint32_t subxid)
{
	auto found = transactions_.find(xid);
	if (found == transactions_.end())
		return;
	std::vector<uint32_t> &forgotten = found->second.forgotten;
	forgotten.insert(std::lower_bound(forgotten.begin(), forgotten.end(), subxid), subxid);
}

void
Undecided::Forget(uint32_t xid)
{
	auto found = transactions_.find(xid);
	if (found == transactions_.end())
		return;
	in_memory_ -= found->second.spool.InMemory();
	transactions_.erase(found);
}

void
Undecided::Settle(const ControlLine &commit, const Sink &sink)
{
	auto found = transactions_.find(commit.xid);
	if (found == transactions_.end())
		return;
	const std::vector<uint32_t> &forgotten = found->second.forgotten;
	core::Buffer lines;
	std::string line;
	found->second.spool.Read([&](uint32_t xid, std::string_view text) {
		if (std::binary_search(forgotten.begin(), forgotten.end(), xid))
			return;
		line.assign(text).push_back('}');
		client::Settle(lines, line, commit);
		if (lines.Size() >= kPiece) {
			sink(lines.View());
			lines.Clear(2 * kPiece);
		}
	});
	if (lines.Size() > 0)
		sink(lines.View());
	Forget(commit.xid);
}

void
Undecided::Clear()
{
	transactions_.clear();
	in_memory_ = 0;
}

} // namespace txsync::client
