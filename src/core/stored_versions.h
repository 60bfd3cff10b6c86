#pragma once
// The bytes of an entity's versions: what reading them (versions.cpp) and writing them (advance.cpp) agree on.
//
//   format, row version, ids, 0, creator, fields. A number is a varint.
//   id:      as stored_id.h has it; that of the last write is the first
//   creator: (index of its id + 1) << 1 | has stamp, stamp
//   field:   number less the least that it can be, index of its id << 1 | has stamp, stamp
//   stamp:   left out where it is what the id says

#include "core/buffer.h"
#include "core/stored_id.h"

#include <limits>
#include <string_view>

namespace txsync::core {

inline constexpr char kVersionsFormat = 1;
inline constexpr uint64_t kMaxRowVersion = std::numeric_limits<int64_t>::max();

// An index, and the stamp beside it.
struct Reference
{
	uint64_t index = 0;
	bool has_stamp = false;
	Stamp stamp;
};

inline bool
TakeReference(std::string_view &rest, Reference &reference)
{
	uint64_t number = 0;
	if (!TakeVarint(rest, number))
		return false;
	reference.index = number >> 1;
	reference.has_stamp = (number & 1) != 0;
	return !reference.has_stamp || TakeStamp(rest, reference.stamp);
}

inline char *
PutReference(char *at, const Reference &reference)
{
	at = PutVarint(at, reference.index << 1 | (reference.has_stamp ? 1 : 0));
	if (reference.has_stamp)
		at = PutStamp(at, reference.stamp);
	return at;
}

inline Reference
ReferTo(uint64_t index, const Stamp &stamp, const Stamp &own)
{
	return {index, stamp != own, stamp};
}

// A field as it is stored.
struct StoredField
{
	uint64_t number = 0;
	Reference version;
};

// `least`: that the number can be.
inline bool
TakeField(std::string_view &rest, uint64_t least, StoredField &field)
{
	uint64_t more = 0;
	if (!TakeVarint(rest, more) || more > std::numeric_limits<uint32_t>::max())
		return false;
	field.number = least + more;
	return field.number <= std::numeric_limits<uint32_t>::max() && TakeReference(rest, field.version);
}

inline void
PutField(Buffer &out, uint64_t &least, const StoredField &field)
{
	char *at = PutVarint(out.Reserve(4 * kMaxVarint), field.number - least);
	out.CommitTo(PutReference(at, field.version));
	least = field.number + 1;
}

} // namespace txsync::core
