#pragma once
// A set of positive numbers that lie close together in some places and far apart in others: its memory grows with how
// many there are, up to about a bit for each that might be.

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace txsync::core {

class IdSet
{
public:
	void Add(int64_t id);
	bool Has(int64_t id) const;

	// About what `count` of `range` consecutive numbers take, whichever they are.
	static size_t MostBytes(int64_t range, int64_t count);

	// How many consecutive numbers may all be in a set of so many bytes.
	static int64_t FittingInto(size_t bytes);

private:
	// Numbers that differ in their last 16 bits: few as a sorted list of these, many as a bit for each, in as many
	// words as the longest list has.
	using Run = std::vector<uint16_t>;

	static constexpr size_t kRunBits = 16;
	static constexpr size_t kWordBits = 16;
	static constexpr size_t kWords = (size_t{1} << kRunBits) / kWordBits;

	static Run AsBits(const Run &list);

	std::unordered_map<uint64_t, Run> runs_;
};

} // namespace txsync::core
