#pragma once
// PostgreSQL's jsonb in its stored form, read without copying. Every read is checked against the bytes that are there.

#include "core/tx.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

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

	struct Member
	{
		std::string_view name;
		JsonbEntry value;
	};

	// Reads an object's keys and values side by side.
	class MemberCursor
	{
	public:
		explicit MemberCursor(const JsonbContainer &object)
			: keys_(object.First())
			, values_(object.Values())
		{}

		Member
		Next()
		{
			JsonbEntry key = keys_.Next();
			return {key.kind == JsonbEntry::Kind::kString ? key.bytes : std::string_view(), values_.Next()};
		}

	private:
		Cursor keys_, values_;
	};

	// What a `for` goes through once. It may outlive the container, but not its bytes.
	template <class Reader>
	class Range
	{
	public:
		struct End
		{};

		Range(Reader reader, uint32_t count)
			: reader_(reader)
			, left_(count)
		{}

		Range
		begin() const
		{
			return *this;
		}

		End
		end() const
		{
			return {};
		}

		auto
		operator*()
		{
			return reader_.Next();
		}

		Range &
		operator++()
		{
			left_--;
			return *this;
		}

		bool
		operator!=(End) const
		{
			return left_ > 0;
		}

	private:
		Reader reader_;
		uint32_t left_;
	};

	// Of an array, and of an object.
	Range<Cursor>
	Elements() const
	{
		return {First(), count_};
	}

	Range<MemberCursor>
	Members() const
	{
		return {MemberCursor(*this), count_};
	}

	// An object's member; kDamaged if it has none of the name.
	JsonbEntry Find(std::string_view name) const;

private:
	const char *EntryAt(uint32_t index) const;
	uint32_t OffsetOf(uint32_t index) const;

	std::string_view bytes_;
	std::string_view content_; // what the entries' offsets count from
	uint32_t header_ = 0;
	uint32_t count_ = 0;
};

// The elements of an array of texts; nothing for what is none.
std::optional<std::vector<std::string_view>> TextsOf(const JsonbContainer &array);
std::optional<std::vector<std::string_view>> TextsOf(const JsonbEntry &entry);

// Appends an array of containers, each a jsonb without its length word. False if it would be larger than jsonb can be.
bool WriteArray(Buffer &out, std::span<const std::string_view> containers);

// The tx that a tx column holds: views into `jsonb`, which is as for JsonbContainer. Members that are none of the three
// are passed over. Returns what is wrong with it, or null.
const char *ReadTx(std::string_view jsonb, Tx &tx);

// A tx as a tx column holds it: how many bytes it has without its length word, and these bytes.
size_t JsonbSize(const Tx &tx);
void WriteJsonb(const Tx &tx, char *to);

} // namespace txsync::core
