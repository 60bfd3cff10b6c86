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

// Zero-terminated.
char *
Convert(std::string_view utf8)
{
	int encoding = GetDatabaseEncoding();
	Oid conversion = FindDefaultConversionProc(PG_UTF8, encoding);
	if (!OidIsValid(conversion))
		elog(ERROR, "there is no conversion from UTF8 to %s", pg_encoding_to_char(encoding));
	Size room = utf8.size() * MAX_CONVERSION_GROWTH + 1;
	auto *converted = static_cast<char *>(palloc(room));
	char *to = converted;
	for (;;) {
		auto *from = reinterpret_cast<unsigned char *>(const_cast<char *>(utf8.data()));
		int done = pg_do_encoding_conversion_buf(conversion, PG_UTF8, encoding, from, static_cast<int>(utf8.size()),
												 reinterpret_cast<unsigned char *>(to),
												 static_cast<int>(converted + room - to), true);
		to += strlen(to);
		utf8.remove_prefix(static_cast<size_t>(done));
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

text *
TextFromUtf8(std::string_view utf8)
{
	if (IsAsItIs() || utf8.empty())
		return cstring_to_text_with_len(utf8.data(), static_cast<int>(utf8.size()));
	return cstring_to_text(Convert(utf8));
}

} // namespace txsync::pg
