#pragma once
// One value as JSON or as text. What to_jsonb gives under pinned settings, written by our own code: to_jsonb itself
// would call casts that users define.

#include "core/buffer.h"
#include "pg/image.h"

#include <unordered_map>

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
	// Types live in `session`; `scratch` is reset after each change.
	Values(MemoryContext session, MemoryContext scratch);

	const Type &TypeOf(Oid oid);

	void
	Json(core::Buffer &out, const Type &type, Datum value)
	{
		type.json(*this, out, type, value);
	}

	void
	Text(core::Buffer &out, const Type &type, Datum value)
	{
		type.text(*this, out, type, value);
	}

	// A text in the database's encoding as UTF-8: itself, or a copy that is valid until EndChange().
	std::string_view
	ToUtf8(std::string_view text)
	{
		return utf8_ ? text : Converted(text);
	}

	// The same as a JSON string.
	void String(core::Buffer &out, std::string_view text);

	// What the type's output function gives, in the database's encoding; valid until EndChange().
	std::string_view Output(const Type &type, Datum value);

	// The bytes of a variable-length value, in memory and decompressed; valid until EndChange().
	std::string_view Bytes(Datum value);

	// A pointer to the whole value with a 4-byte header; valid until EndChange().
	void *Detoast(Datum value);

	// The same without the header, aligned as the type wants it.
	std::string_view AlignedBytes(Datum value);

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
	Type Resolve(Oid oid);
	std::string_view Converted(std::string_view text);

	MemoryContext session_;
	MemoryContext scratch_;
	std::unordered_map<Oid, Type> types_;
	bool utf8_;
	bool pinned_ = false;
};

} // namespace txsync::decoder
