#include "core/id_set.h"

#include <algorithm>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

constexpr size_t kBytesPerRun = 128; // what the map and the allocator take for one
constexpr size_t kBytesPerId = 4;    // a list may have twice as much memory as it needs

} // namespace

IdSet::Run
IdSet::AsBits(const Run &list)
{
	Run bits(kWords);
	for (uint16_t id : list)
		bits[id / kWordBits] |= static_cast<uint16_t>(1 << id % kWordBits);
	return bits;
}

void
IdSet::Add(int64_t id)
{
	Run &run = runs_[static_cast<uint64_t>(id) >> kRunBits];
	auto low = static_cast<uint16_t>(id);
	if (run.size() == kWords) {
		run[low / kWordBits] |= static_cast<uint16_t>(1 << low % kWordBits);
		return;
	}
	auto place = std::ranges::lower_bound(run, low);
	if (place != run.end() && *place == low)
		return;
	run.insert(place, low);
	if (run.size() == kWords)
		run = AsBits(run);
}

bool
IdSet::Has(int64_t id) const
{
	auto found = runs_.find(static_cast<uint64_t>(id) >> kRunBits);
	if (found == runs_.end())
		return false;
	const Run &run = found->second;
	auto low = static_cast<uint16_t>(id);
	if (run.size() == kWords)
		return (run[low / kWordBits] >> low % kWordBits & 1) != 0;
	return std::ranges::binary_search(run, low);
}

size_t
IdSet::MostBytes(int64_t range, int64_t count)
{
	size_t runs = (static_cast<size_t>(range) >> kRunBits) + 2; // it may begin and end within one
	auto ids = static_cast<size_t>(count);
	return std::min(runs * (kBytesPerRun + kWords * sizeof(uint16_t)),
					std::min(runs, ids) * kBytesPerRun + ids * kBytesPerId);
}

int64_t
IdSet::FittingInto(size_t bytes)
{
	size_t runs = bytes / (kBytesPerRun + kWords * sizeof(uint16_t));
	return runs > 2 ? static_cast<int64_t>((runs - 2) << kRunBits) : 0;
}

} // namespace txsync::core
