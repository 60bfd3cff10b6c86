#include "core/hstore.h"

#include <cstring>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

// The first word: how many pairs there are, and a flag that 8.4 did not set.
constexpr uint32_t kNewForm = 0x80000000;
constexpr uint32_t kCountMask = 0x0FFFFFFF;

// Then an entry for each key and each value, by turns: where its text ends, counted from behind the entries.
constexpr uint32_t kNull = 0x40000000;
constexpr uint32_t kEndMask = 0x3FFFFFFF;

constexpr size_t kWord = sizeof(uint32_t);

uint32_t
Load(std::string_view bytes, size_t at)
{
	uint32_t word;
	std::memcpy(&word, bytes.data() + at, kWord);
	return word;
}

} // namespace

Hstore::Hstore(std::string_view bytes)
	: bytes_(bytes)
{
	if (bytes.size() < kWord)
		return;
	uint32_t header = Load(bytes, 0);
	uint64_t count = header & kCountMask;
	uint64_t texts = kWord + 2 * count * kWord;
	if ((header != 0 && (header & kNewForm) == 0) || texts > bytes.size())
		return;
	uint32_t end = 0;
	for (uint32_t i = 0; i < 2 * count; i++) {
		if (EndOf(i) < end)
			return;
		end = EndOf(i);
	}
	readable_ = texts + end <= bytes.size();
	if (readable_)
		count_ = static_cast<uint32_t>(count);
}

uint32_t
Hstore::Entry(uint32_t index) const
{
	return Load(bytes_, kWord + index * kWord);
}

uint32_t
Hstore::EndOf(uint32_t index) const
{
	return Entry(index) & kEndMask;
}

std::string_view
Hstore::Text(uint32_t index) const
{
	uint32_t begin = index == 0 ? 0 : EndOf(index - 1);
	return bytes_.substr(kWord + 2 * size_t{count_} * kWord + begin, EndOf(index) - begin);
}

Hstore::Pair
Hstore::At(uint32_t index) const
{
	Pair pair{Text(2 * index), {}};
	if ((Entry(2 * index + 1) & kNull) == 0)
		pair.value = Text(2 * index + 1);
	return pair;
}

} // namespace txsync::core
