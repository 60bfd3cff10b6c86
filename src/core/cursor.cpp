#include "core/cursor.h"

#include <algorithm>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

constexpr char kVersion = 1;

// In front of a set of names that is not all of them.
constexpr uint64_t kAll = 0;

// Little-endian, whatever the machine.
void
WriteNumber(Buffer &out, uint64_t number)
{
	char bytes[8];
	for (char &byte : bytes) {
		byte = static_cast<char>(number & 0xFF);
		number >>= 8;
	}
	out.Append({bytes, sizeof bytes});
}

void
WriteNames(Buffer &out, const HashedNames &names)
{
	if (names.HasAll())
		return WriteNumber(out, kAll);
	WriteNumber(out, names.Hashes()->size() + 1);
	for (uint64_t hash : *names.Hashes())
		WriteNumber(out, hash);
}

class Reader
{
public:
	explicit Reader(std::string_view bytes)
		: rest_(bytes)
	{}

	// 0 where nothing is left.
	uint64_t
	Number()
	{
		if (rest_.size() < 8) {
			sound_ = false;
			return 0;
		}
		uint64_t number = 0;
		for (size_t i = 8; i-- > 0;)
			number = number << 8 | static_cast<unsigned char>(rest_[i]);
		rest_.remove_prefix(8);
		return number;
	}

	HashedNames
	Names()
	{
		uint64_t count = Number();
		if (count == kAll)
			return {};
		std::vector<uint64_t> hashes;
		while (--count > 0 && sound_)
			hashes.push_back(Number());
		sound_ = sound_ && std::ranges::is_sorted(hashes, std::ranges::less_equal());
		return HashedNames(std::move(hashes));
	}

	bool
	IsSoundAndDone() const
	{
		return sound_ && rest_.empty();
	}

private:
	std::string_view rest_;
	bool sound_ = true;
};

} // namespace

HashedNames::HashedNames(std::vector<uint64_t> hashes)
{
	std::ranges::sort(hashes);
	hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
	hashes_ = std::move(hashes);
}

bool
HashedNames::Includes(const HashedNames &other) const
{
	return HasAll() || (!other.HasAll() && std::ranges::includes(*hashes_, *other.hashes_));
}

void
Write(Buffer &out, const Cursor &cursor)
{
	out.Append(kVersion);
	WriteNumber(out, cursor.database);
	WriteNumber(out, static_cast<uint64_t>(cursor.epoch));
	WriteNumber(out, static_cast<uint64_t>(cursor.position));
	WriteNames(out, cursor.entity_types);
	WriteNames(out, cursor.organizations);
}

std::optional<Cursor>
ParseCursor(std::string_view bytes)
{
	if (bytes.empty() || bytes[0] != kVersion)
		return {};
	Reader reader(bytes.substr(1));
	Cursor cursor;
	cursor.database = reader.Number();
	cursor.epoch = static_cast<int64_t>(reader.Number());
	cursor.position = static_cast<int64_t>(reader.Number());
	cursor.entity_types = reader.Names();
	cursor.organizations = reader.Names();
	if (!reader.IsSoundAndDone())
		return {};
	return cursor;
}

} // namespace txsync::core
