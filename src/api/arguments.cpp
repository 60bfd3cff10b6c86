#include "api/arguments.h"
#include "pg/image.h"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
}

namespace txsync::api {

std::string
TextArgument(FunctionCallInfo fcinfo, int i)
{
	return pg::Call([&] { return TextDatumGetCString(PG_GETARG_DATUM(i)); });
}

std::string_view
OptionalText(FunctionCallInfo fcinfo, int i)
{
	if (PG_ARGISNULL(i))
		return {};
	return pg::Call([&] { return pg::BytesOf(PG_GETARG_TEXT_PP(i)); });
}

std::string
NameArgument(FunctionCallInfo fcinfo, int i)
{
	return NameStr(*PG_GETARG_NAME(i));
}

std::vector<std::string>
NamesArgument(FunctionCallInfo fcinfo, int i)
{
	Datum *elements = nullptr;
	bool *nulls = nullptr;
	int count = 0;
	pg::Call([&] {
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(i), NAMEOID, NAMEDATALEN, false, 'c', &elements, &nulls, &count);
		for (int at = 0; at < count; at++) {
			if (nulls[at])
				ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a column name must not be null")));
		}
	});
	std::vector<std::string> names;
	for (int at = 0; at < count; at++)
		names.emplace_back(NameStr(*DatumGetName(elements[at])));
	return names;
}

std::vector<std::string>
TextsArgument(FunctionCallInfo fcinfo, int i, const char *what)
{
	Datum *elements = nullptr;
	int count = 0;
	pg::Call([&] {
		bool *nulls = nullptr;
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(i), TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
		if (std::find(nulls, nulls + count, true) != nulls + count)
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", what)));
	});
	std::vector<std::string> texts;
	for (int at = 0; at < count; at++)
		texts.emplace_back(pg::Call([&] { return TextDatumGetCString(elements[at]); }));
	return texts;
}

std::string_view
JsonbArgument(FunctionCallInfo fcinfo, int i)
{
	Jsonb *jsonb = pg::Call([&] { return PG_GETARG_JSONB_P(i); });
	return pg::BytesOf(jsonb);
}

Datum
TextDatum(std::string_view text)
{
	return pg::Call(
		[&] { return PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size()))); });
}

void
Require(FunctionCallInfo fcinfo, int i, const char *name)
{
	if (PG_ARGISNULL(i)) {
		pg::Call(
			[&] { ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", name))); });
	}
}

} // namespace txsync::api
