#pragma once
// PostgreSQL's jsonb in its stored form, read without copying. Every read is checked against the bytes that are there.

#include "core/tx.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace txsync::core {

struct JsonbEntry
{
	enum class Kind : uint8_t
	{
		kString,  // bytes: the text
		kNumeric, // bytes: a numeric with its length word
		kFalse,
		kTrue,
		kNull,
		kContainer, // bytes: an object or array, for JsonbContainer
		kDamaged,   // the bytes are not what jsonb would be
	};

	Kind kind = Kind::kDamaged;
	std::string_view bytes;
};

// An object, an array, or the pseudo-array around a top-level scalar.
class JsonbContainer
{
public:
	// `bytes`: a jsonb without its length word, or a container's entry, aligned to 4 bytes. Count() is 0 if they are
	// damaged.
	explicit JsonbContainer(std::string_view bytes);

	bool IsObject() const;
	bool IsScalar() const;

	// Members of an object, elements of an array.
	uint32_t
	Count() const
	{
		return count_;
	}

	// Reads entries in turn. An object has Count() keys and then Count() values in the same order.
	class Cursor
	{
	public:
		JsonbEntry Next();

	private:
		friend class JsonbContainer;
		Cursor(const JsonbContainer &container, uint32_t index);

		const char *entry_;
		std::string_view content_;
		uint32_t offset_;
	};

	// Elements of an array, or keys of an object.
	Cursor
	First() const
	{
		return {*this, 0};
	}

	// Values of an object.
	Cursor
	Values() const
	{
		return {*this, count_};
	}

private:
	const char *EntryAt(uint32_t index) const;
	uint32_t OffsetOf(uint32_t index) const;

	std::string_view bytes_;
	std::string_view content_; // what the entries' offsets count from
	uint32_t header_ = 0;
	uint32_t count_ = 0;
};

// Appends an array of containers, each a jsonb without its length word. False if it would be larger than jsonb can be.
bool WriteArray(Buffer &out, std::span<const std::string_view> containers);

// The tx that a tx column holds: views into `jsonb`, which is as for JsonbContainer. Members that are none of the three
// are passed over. Returns what is wrong with it, or null.
const char *ReadTx(std::string_view jsonb, Tx &tx);

// A tx as a tx column holds it: how many bytes it has without its length word, and these bytes.
size_t JsonbSize(const Tx &tx);
void WriteJsonb(const Tx &tx, char *to);

} // namespace txsync::core
