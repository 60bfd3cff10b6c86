#pragma once
// One value as JSON or as text. What to_jsonb gives under pinned settings, written by our own code: to_jsonb itself
// would call casts that users define.

#include "core/buffer.h"
#include "core/utf8.h"
#include "pg/call.h"
#include "pg/image.h"

#include <unordered_map>

extern "C" {
#include "access/detoast.h"
}

namespace txsync::decoder {

class Values;

// How values of one type are written.
struct Type
{
	using Writer = void (*)(Values &, core::Buffer &, const Type &, Datum);

	Oid oid = InvalidOid; // never a domain
	Writer json = nullptr;
	Writer text = nullptr; // UTF-8, as the type's output function gives it
	FmgrInfo output = {};
	bool varlena = false;
	pg::Layout layout;

	const Type *element = nullptr; // of an array
	char align = 0;
};

class Values
{
public:
	// Types live in `session`; `scratch` is reset after each change, and must be the current context whenever values
	// are read. A value that is stored in more than `max_value` bytes is not even read by JsonWithin() and Text().
	Values(MemoryContext session, MemoryContext scratch, size_t max_value, bool big_numbers_as_strings);

	const Type &TypeOf(Oid oid);

	void
	Json(core::Buffer &out, const Type &type, Datum value)
	{
		type.json(*this, out, type, value);
	}

	// The same, but throws core::BufferFull for a value that is too large.
	void
	JsonWithin(core::Buffer &out, const Type &type, Datum value)
	{
		if (IsTooLarge(type, value)) [[unlikely]]
			throw core::BufferFull();
		type.json(*this, out, type, value);
	}

	void
	Text(core::Buffer &out, const Type &type, Datum value)
	{
		type.text(*this, out, type, value);
	}

	// A text in the database's encoding as UTF-8: itself, or a copy that is valid until EndChange(). What has no
	// counterpart there becomes U+FFFD.
	std::string_view
	ToUtf8(std::string_view text)
	{
		return utf8_ ? text : Converted(text);
	}

	// Of a text that all databases share, whatever their encodings: not even UTF-8 is sure to be valid.
	std::string_view
	Shared(std::string_view text)
	{
		return utf8_ && core::IsValidUtf8(text) ? text : Converted(text);
	}

	// Of bytes that only claim to be text: anybody can write logical messages. What no text could hold ends it.
	std::string_view
	Untrusted(std::string_view text)
	{
		return Converted(text.substr(0, text.find('\0')));
	}

	// The same; data() == nullptr stays what it is.
	std::string_view
	UntrustedOrNull(std::string_view text)
	{
		return text.data() != nullptr ? Untrusted(text) : std::string_view();
	}

	// A text in the database's encoding as a JSON string.
	void String(core::Buffer &out, std::string_view text);

	// Whether bytes are text in the database's encoding.
	bool IsText(std::string_view bytes) const;

	// What the type's output function gives, as UTF-8; valid until EndChange(). Throws core::BufferFull for a text that
	// the server cannot hold.
	std::string_view Output(const Type &type, Datum value);

	// The bytes of a variable-length value, in memory and decompressed; valid until EndChange().
	std::string_view Bytes(Datum value);

	// Whether two variable-length values have the same bytes. Gives back at once what it took to see that.
	bool SameBytes(Datum a, Datum b);

	// A pointer to the whole value with a 4-byte header; valid until EndChange().
	void *Detoast(Datum value);

	// The same without the header, aligned as the type wants it.
	std::string_view AlignedBytes(Datum value);

	// The bytes that a variable-length value has in memory, decompressed.
	size_t
	SizeOf(Datum value) const
	{
		const auto *pointer = reinterpret_cast<const struct varlena *>(DatumGetPointer(value));
		if (IsPlain(pointer)) [[likely]]
			return VARSIZE_ANY_EXHDR(pointer);
		return pg::Call([&] { return toast_raw_datum_size(value) - VARHDRSZ; });
	}

	bool
	IsTooLarge(const Type &type, Datum value) const
	{
		return type.varlena && SizeOf(value) > max_value_;
	}

	void EndChange();
	void EndTransaction();

	// Forgets what it knows of types.
	void Forget();

	MemoryContext
	Scratch() const
	{
		return scratch_;
	}

private:
	// In memory and not compressed. To the server's macros a pointer to what is elsewhere is a short value, too.
	static bool
	IsPlain(const struct varlena *value)
	{
		return VARATT_IS_4B_U(value) || (VARATT_IS_SHORT(value) && !VARATT_IS_EXTERNAL(value));
	}

	Type Resolve(Oid oid);
	void Pin();
	void FindConversion();
	std::string_view Converted(std::string_view text);
	size_t ConvertPart(core::Buffer &out, std::string_view text);

	MemoryContext session_;
	MemoryContext types_memory_; // what output functions keep
	MemoryContext scratch_;
	std::unordered_map<Oid, Type> types_;
	size_t max_value_;
	bool big_numbers_as_strings_;
	int encoding_; // of the database
	bool utf8_;
	FmgrInfo to_utf8_ = {}; // the conversion, if there is one
	bool pinned_ = false;
};

} // namespace txsync::decoder
