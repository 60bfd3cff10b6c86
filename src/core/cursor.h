#pragma once
// Where a reader of the changelog stopped, and what he asked for: what the opaque text of a cursor holds.

#include "core/buffer.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace txsync::core {

// A set of names, of which only hashes are kept: enough to tell whether another one is part of it. Nothing: all names.
class HashedNames
{
public:
	HashedNames() = default; // all
	explicit HashedNames(std::vector<uint64_t> hashes);

	bool
	HasAll() const
	{
		return !hashes_.has_value();
	}

	bool Includes(const HashedNames &other) const;

	// Sorted, each once.
	const std::optional<std::vector<uint64_t>> &
	Hashes() const
	{
		return hashes_;
	}

	bool operator==(const HashedNames &) const = default;

private:
	std::optional<std::vector<uint64_t>> hashes_;
};

struct Cursor
{
	uint64_t database = 0; // which one gave it
	int64_t epoch = 0;
	int64_t position = 0; // the id of the last activity that was read or passed over
	HashedNames entity_types;
	HashedNames organizations;

	bool operator==(const Cursor &) const = default;
};

void Write(Buffer &out, const Cursor &cursor);

// Nothing for bytes that Write() would not have written.
std::optional<Cursor> ParseCursor(std::string_view bytes);

} // namespace txsync::core
