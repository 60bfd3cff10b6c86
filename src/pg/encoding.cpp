#include "pg/encoding.h"

extern "C" {
#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
}

namespace txsync::pg {

char *
FromUtf8(std::string_view text)
{
	int encoding = GetDatabaseEncoding();
	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
		return pnstrdup(text.data(), text.size());
	Oid conversion = FindDefaultConversionProc(PG_UTF8, encoding);
	Size room = text.size() * MAX_CONVERSION_GROWTH + 1;
	auto *converted = static_cast<char *>(palloc(room));
	char *to = converted;
	*to = '\0';
	while (!text.empty() && OidIsValid(conversion)) {
		auto *from = reinterpret_cast<unsigned char *>(const_cast<char *>(text.data()));
		int done = pg_do_encoding_conversion_buf(conversion, PG_UTF8, encoding, from, static_cast<int>(text.size()),
												 reinterpret_cast<unsigned char *>(to),
												 static_cast<int>(converted + room - to), true);
		to += strlen(to);
		text.remove_prefix(static_cast<size_t>(done));
		if (text.empty())
			break;
		*to++ = '?';
		*to = '\0';
		text.remove_prefix(static_cast<size_t>(pg_utf_mblen(reinterpret_cast<const unsigned char *>(text.data()))));
	}
	return converted;
}

} // namespace txsync::pg
