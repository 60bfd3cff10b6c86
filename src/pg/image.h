#pragma once
// A value as bytes that mean the same whatever a session's settings are: how the row trigger hands values to the
// decoder.

#include "pg/memory.h"

namespace txsync::pg {

struct Layout
{
	int16 length = 0; // pg_type.typlen
	bool by_value = false;
};

// `value` must be in memory and decompressed if it is of variable length. The view may point into `value` itself.
inline std::string_view
Image(const Datum &value, Layout layout)
{
	if (layout.by_value)
		return {reinterpret_cast<const char *>(&value), sizeof value};
	const char *pointer = DatumGetPointer(value);
	if (layout.length == -1)
		return {VARDATA_ANY(pointer), VARSIZE_ANY_EXHDR(pointer)};
	return {pointer, layout.length == -2 ? strlen(pointer) + 1 : static_cast<size_t>(layout.length)};
}

// The inverse; what is not passed by value is copied into `context`.
inline Datum
FromImage(std::string_view image, Layout layout, MemoryContext context)
{
	if (layout.by_value) {
		Datum value = 0;
		std::memcpy(&value, image.data(), std::min(image.size(), sizeof value));
		return value;
	}
	size_t header = layout.length == -1 ? VARHDRSZ : 0;
	auto *copy = static_cast<char *>(Call([&] { return MemoryContextAlloc(context, header + image.size()); }));
	if (header > 0)
		SET_VARSIZE(copy, header + image.size());
	std::memcpy(copy + header, image.data(), image.size());
	return PointerGetDatum(copy);
}

} // namespace txsync::pg
