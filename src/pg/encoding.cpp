#include "pg/encoding.h"

extern "C" {
#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
}

namespace txsync::pg {

namespace {

// In SQL_ASCII any bytes are text.
bool
IsAsItIs()
{
	return GetDatabaseEncoding() == PG_UTF8 || GetDatabaseEncoding() == PG_SQL_ASCII;
}

// As much of the text as the database's encoding has, with a zero behind it; returns how much that is. Where there is
// no conversion at all it has ASCII.
size_t
ConvertStart(Oid conversion, std::string_view utf8, char *to, Size room)
{
	if (OidIsValid(conversion)) {
		auto *from = reinterpret_cast<unsigned char *>(const_cast<char *>(utf8.data()));
		return static_cast<size_t>(pg_do_encoding_conversion_buf(
			conversion, PG_UTF8, GetDatabaseEncoding(), from, static_cast<int>(utf8.size()),
			reinterpret_cast<unsigned char *>(to), static_cast<int>(room), true));
	}
	size_t ascii = 0;
	while (ascii < utf8.size() && !IS_HIGHBIT_SET(utf8[ascii]))
		*to++ = utf8[ascii++];
	*to = '\0';
	return ascii;
}

// Zero-terminated.
char *
Convert(std::string_view utf8)
{
	Oid conversion = FindDefaultConversionProc(PG_UTF8, GetDatabaseEncoding());
	Size room = utf8.size() * MAX_CONVERSION_GROWTH + 1;
	auto *converted = static_cast<char *>(palloc(room));
	char *to = converted;
	for (;;) {
		utf8.remove_prefix(ConvertStart(conversion, utf8, to, static_cast<Size>(converted + room - to)));
		to += strlen(to);
		if (utf8.empty())
			return converted;
		*to++ = '?';
		*to = '\0';
		utf8.remove_prefix(static_cast<size_t>(pg_utf_mblen(reinterpret_cast<const unsigned char *>(utf8.data()))));
	}
}

} // namespace

char *
FromUtf8(std::string_view utf8)
{
	return IsAsItIs() || utf8.empty() ? pnstrdup(utf8.data(), utf8.size()) : Convert(utf8);
}

std::string_view
ViewFromUtf8(std::string_view utf8)
{
	return IsAsItIs() || utf8.empty() ? utf8 : Convert(utf8);
}

text *
TextFromUtf8(std::string_view utf8)
{
	std::string_view text = ViewFromUtf8(utf8);
	return cstring_to_text_with_len(text.data(), static_cast<int>(text.size()));
}

} // namespace txsync::pg
