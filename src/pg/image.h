#pragma once
// A value as bytes that mean the same whatever a session's settings are: how the row trigger hands values to the
// decoder.

#include "pg/server.h"

namespace txsync::pg {

struct Layout
{
	int16 length = 0; // pg_type.typlen
	bool by_value = false;
};

// Of a value of variable length, which is in memory and decompressed.
inline std::string_view
BytesOf(const void *value)
{
	return {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

// `value` must be in memory and decompressed if it is of variable length. The view may point into `value` itself.
inline std::string_view
Image(const Datum &value, Layout layout)
{
	if (layout.by_value)
		return {reinterpret_cast<const char *>(&value), sizeof value};
	const char *pointer = DatumGetPointer(value);
	if (layout.length == -1)
		return BytesOf(pointer);
	return {pointer, layout.length == -2 ? strlen(pointer) + 1 : static_cast<size_t>(layout.length)};
}

} // namespace txsync::pg
