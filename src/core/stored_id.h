#pragma once
// A transaction id as it is stored in an entity's versions: an id of the clock as numbers, a UUID as its bytes. One id
// has one form, so that these are compared by their bytes.
//
//   id:    length of the content << 2 | form, content
//   stamp: wall time, logical; numbers are varints

#include "core/hlc.h"
#include "core/stamp.h"
#include "core/varint.h"

#include <string>
#include <string_view>

namespace txsync::core {

inline char *
PutStamp(char *at, const Stamp &stamp)
{
	return PutVarint(PutVarint(at, stamp.wall_ms), stamp.logical);
}

inline bool
TakeStamp(std::string_view &rest, Stamp &stamp)
{
	return TakeVarint(rest, stamp.wall_ms) && TakeVarint(rest, stamp.logical);
}

// What an id's content is. Who reads as text what another form would say reads it all the same.
enum class IdForm : uint8_t
{
	kText = 0,
	kHlc = 1,     // wall time, logical, the node's text
	kHlcUuid = 2, // wall time, logical, the 16 bytes of a UUID as which the node reads
	kUuid = 3,    // 16 bytes
};
constexpr unsigned kIdFormBits = 2;

class StoredId
{
public:
	// Throws std::length_error for an id that has not 1 to 128 bytes.
	explicit StoredId(std::string_view id);

	std::string_view
	View() const
	{
		return {bytes_ + start_, size_};
	}

	// The time that the id itself tells.
	const Stamp &
	Own() const
	{
		return own_;
	}

private:
	static constexpr size_t kMaxHeader = 2;

	void AddHlc(char *at, const Hlc &hlc);
	void Finish(const char *end, IdForm form);

	char bytes_[kMaxHeader + Hlc::kMaxBytes]; // no form is longer than the text
	size_t start_ = 0;
	size_t size_ = 0;
	Stamp own_;
};

// What a stored id says: a view into its bytes.
struct IdContent
{
	IdForm form = IdForm::kText;
	std::string_view bytes; // all of it but the numbers
	Stamp own;
};

// Takes the next of several ids. False for one that is not sound, and for the end: no id is empty.
bool TakeId(std::string_view &rest, IdContent &content);

// Of ids that are known to be sound: passes over the next and returns it; empty behind the last.
inline std::string_view
TakeSoundId(std::string_view &rest)
{
	std::string_view stored = rest;
	uint64_t header = 0;
	TakeVarint(rest, header);
	rest.remove_prefix(header >> kIdFormBits);
	return stored.substr(0, stored.size() - rest.size());
}

// Of a sound one.
IdContent ContentOf(std::string_view stored);

// The id as it was.
std::string TextOf(const IdContent &content);

} // namespace txsync::core
