#pragma once
// What an entity knows of its own history: how often its row was written, who wrote it last, and for each field who
// changed it last and when. It stands in the row itself (column `tx_versions`), so it is never behind the data. The
// row trigger reads it, and advances it (advance.h), with every write. stored_versions.h gives the bytes.

#include "core/buffer.h"
#include "core/stamp.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace txsync::core {

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
	friend class Successor; // advance.cpp: writes the bytes of the next

	std::string_view Entry(uint32_t index) const;

	uint64_t row_version_ = 0;
	uint32_t id_count_ = 0;
	uint32_t creator_ = 0; // index + 1; 0: unknown
	Stamp created_;
	std::string_view ids_;
	std::string_view fields_;
};

} // namespace txsync::core
