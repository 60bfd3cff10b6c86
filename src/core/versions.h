#pragma once
// What an entity knows of its own history: how often its row was written, who wrote it last, and for each field who
// changed it last and when. It stands in the row itself (column `tx_versions`), so it is never behind the data. The
// row trigger reads and advances it with every write. versions.cpp gives the bytes.

#include "core/buffer.h"

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace txsync::core {

// When a field was changed, on the hybrid logical clock. 0/0: unknown. Of two that are equal, the ids beside decide
// (IsNewer() in core/conflict.h).
struct Stamp
{
	uint64_t wall_ms = 0;
	uint64_t logical = 0;

	auto operator<=>(const Stamp &) const = default;
};

// The time in an id of a clock; unknown for other ids.
Stamp TimeOf(std::string_view id);

// The least stamp above another; carried into the wall time beyond a logical of 9999, as ids are. At the very end of
// time it stands still.
Stamp After(const Stamp &stamp);

// A view into stored bytes.
class Versions
{
public:
	// Nothing for damaged bytes. The view is of use for as long as the bytes are.
	static std::optional<Versions> Parse(std::string_view bytes);

	// Of an entity that was never written since its creation, and has no stored versions: row version 1. An id with
	// data() == nullptr is unknown. `store` is emptied for the bytes, and must be left alone while the view is used.
	static Versions Fresh(Buffer &store, std::string_view creating_id, const Stamp &created);

	// 1 to the largest int64_t.
	uint64_t
	RowVersion() const
	{
		return row_version_;
	}

	// The id of the last write, and of the creation; empty if unknown.
	std::string Last() const;
	std::string Creator() const;

	Stamp
	CreatorStamp() const
	{
		return created_;
	}

	struct Version
	{
		std::string id;
		Stamp stamp;
	};

	// Of a field that was changed since the creation.
	std::optional<Version> Find(uint32_t field) const;

	struct Field
	{
		uint32_t number = 0;
		uint32_t id = 0; // for Id()
		Stamp stamp;
	};

	// Reads the fields that were changed since the creation, in ascending order of their numbers.
	class Cursor
	{
	public:
		// False, and `field` as it was, behind the last.
		bool Next(Field &field);

	private:
		friend class Versions;
		explicit Cursor(const Versions &versions)
			: versions_(versions)
			, rest_(versions.fields_)
		{}

		const Versions &versions_;
		std::string_view rest_;
		uint64_t least_ = 0; // that the next number can be
	};

	Cursor
	Fields() const
	{
		return Cursor(*this);
	}

	// How many ids there are, and one of them: the first is Last().
	uint32_t
	IdCount() const
	{
		return id_count_;
	}

	std::string Id(uint32_t index) const;

private:
	class Successor;
	friend void Advance(Buffer &, const Versions &, const struct RowWrite &, const Stamp &);

	std::string_view Entry(uint32_t index) const;

	uint64_t row_version_ = 0;
	uint32_t id_count_ = 0;
	uint32_t creator_ = 0; // index + 1; 0: unknown
	Stamp created_;
	std::string_view ids_;
	std::string_view fields_;
};

// A write to an entity that is there.
struct RowWrite
{
	std::string_view id;              // 1 to 128 bytes
	Stamp base;                       // the mutation's own time
	std::span<const uint32_t> fields; // numbers of those that it changes, in any order; fastest if ascending
};

// Appends the stored form behind a write: the next row version, and each given field with the id and a stamp above its
// previous one (the creation's, if it was never changed): that of the mutation, but no later than `ceiling`, or the
// next after the previous. `out` is not what `before` views.
void Advance(Buffer &out, const Versions &before, const RowWrite &write, const Stamp &ceiling);

// Appends the stored form of an entity that was just created. An id with data() == nullptr is unknown.
void WriteFresh(Buffer &out, uint64_t row_version, std::string_view creating_id, const Stamp &created);

} // namespace txsync::core
