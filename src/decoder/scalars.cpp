#include "decoder/scalars.h"

#include "core/datetime.h"
#include "core/hex.h"
#include "core/hstore.h"
#include "core/json.h"
#include "core/numeric.h"
#include "core/uuid.h"
#include "decoder/jsonb.h"
#include "pg/call.h"

#include <cmath>

extern "C" {
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "common/shortest_dec.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"
}

namespace txsync::decoder {

using core::Buffer;

namespace {

// ---- Through the output function

void
OutputJson(Values &values, Buffer &out, const Type &type, Datum value)
{
	core::json::String(out, values.Output(type, value));
}

// ---- Scalars that need no output function

void
ByteaText(Values &values, Buffer &out, const Type &, Datum value)
{
	std::string_view bytes = values.Bytes(value);
	char *at = out.Reserve(2 + bytes.size() * 2);
	*at++ = '\\';
	*at++ = 'x';
	for (char byte : bytes)
		at = core::FormatHex(at, static_cast<unsigned char>(byte));
	out.CommitTo(at);
}

void
ByteaJson(Values &values, Buffer &out, const Type &type, Datum value)
{
	out.Append("\"\\"); // the backslash of \x is escaped
	ByteaText(values, out, type, value);
	out.Append('"');
}

void
Boolean(Values &, Buffer &out, const Type &, Datum value)
{
	out.Append(DatumGetBool(value) ? "true" : "false");
}

void
Int2(Values &, Buffer &out, const Type &, Datum value)
{
	core::json::Integer(out, DatumGetInt16(value));
}

void
Int4(Values &, Buffer &out, const Type &, Datum value)
{
	core::json::Integer(out, DatumGetInt32(value));
}

void
Int8(Values &, Buffer &out, const Type &, Datum value)
{
	core::json::Integer(out, DatumGetInt64(value));
}

void
Float4(Values &values, Buffer &out, const Type &type, Datum value)
{
	float number = DatumGetFloat4(value);
	if (!std::isfinite(number)) {
		OutputJson(values, out, type, value);
		return;
	}
	char *at = out.Reserve(FLOAT_SHORTEST_DECIMAL_LEN);
	out.CommitTo(at + float_to_shortest_decimal_bufn(number, at));
}

void
Float8(Values &values, Buffer &out, const Type &type, Datum value)
{
	double number = DatumGetFloat8(value);
	if (!std::isfinite(number)) {
		OutputJson(values, out, type, value);
		return;
	}
	char *at = out.Reserve(DOUBLE_SHORTEST_DECIMAL_LEN);
	out.CommitTo(at + double_to_shortest_decimal_bufn(number, at));
}

void
NumericJson(Values &values, Buffer &out, const Type &, Datum value)
{
	std::string_view stored = values.Bytes(value);
	bool quoted = core::IsSpecialNumeric(stored);
	if (quoted)
		out.Append('"');
	core::FormatNumeric(out, stored);
	if (quoted)
		out.Append('"');
}

void
NumericText(Values &values, Buffer &out, const Type &, Datum value)
{
	core::FormatNumeric(out, values.Bytes(value));
}

void
StringJson(Values &values, Buffer &out, const Type &, Datum value)
{
	values.String(out, values.Bytes(value));
}

void
StringText(Values &values, Buffer &out, const Type &, Datum value)
{
	out.Append(values.ToUtf8(values.Bytes(value)));
}

void
UuidText(Values &, Buffer &out, const Type &, Datum value)
{
	const unsigned char *bytes = DatumGetUUIDP(value)->data;
	out.CommitTo(core::FormatUuid(out.Reserve(core::kUuidText), reinterpret_cast<const char *>(bytes)));
}

// ---- Dates and times: ISO 8601, as to_jsonb writes them

void
Date(Values &, Buffer &out, const Type &, Datum value)
{
	DateADT date = DatumGetDateADT(value);
	if (DATE_NOT_FINITE(date)) {
		out.Append(DATE_IS_NOBEGIN(date) ? "\"-infinity\"" : "\"infinity\"");
		return;
	}
	char *at = out.Reserve(core::kMaxDateTime);
	*at = '"';
	at = core::FormatDate(at + 1, date);
	*at = '"';
	out.CommitTo(at + 1);
}

void
Instant(Buffer &out, Timestamp timestamp, const char *zone)
{
	if (TIMESTAMP_NOT_FINITE(timestamp)) {
		out.Append(TIMESTAMP_IS_NOBEGIN(timestamp) ? "\"-infinity\"" : "\"infinity\"");
		return;
	}
	char *at = out.Reserve(core::kMaxDateTime);
	*at = '"';
	at = core::FormatTimestamp(at + 1, timestamp, zone);
	*at = '"';
	out.CommitTo(at + 1);
}

void
TimestampJson(Values &, Buffer &out, const Type &, Datum value)
{
	Instant(out, DatumGetTimestamp(value), "");
}

void
TimestampTzJson(Values &, Buffer &out, const Type &, Datum value)
{
	Instant(out, DatumGetTimestampTz(value), "+00:00");
}

// ---- JSON

// json is kept as it was typed. Line ends can only stand between its tokens, so a space says the same on one line.
void
JsonJson(Values &values, Buffer &out, const Type &, Datum value)
{
	size_t start = out.Size();
	out.Append(values.ToUtf8(values.Bytes(value)));
	char *begin = out.Reserve(0) - (out.Size() - start);
	std::replace_if(
		begin, begin + (out.Size() - start), [](char c) { return c == '\n' || c == '\r'; }, ' ');
}

void
JsonbJson(Values &values, Buffer &out, const Type &, Datum value)
{
	WriteJsonb(values, out, values.AlignedBytes(value));
}

// As the extension's own cast to json writes it.
void
HstoreJson(Values &values, Buffer &out, const Type &type, Datum value)
{
	core::Hstore hstore(values.Bytes(value));
	if (!hstore.IsReadable()) {
		OutputJson(values, out, type, value);
		return;
	}
	out.Append('{');
	for (uint32_t i = 0; i < hstore.Count(); i++) {
		core::Hstore::Pair pair = hstore.At(i);
		if (i > 0)
			out.Append(',');
		values.String(out, pair.key);
		out.Append(':');
		if (pair.value.data() == nullptr)
			out.Append("null");
		else
			values.String(out, pair.value);
	}
	out.Append('}');
}

// The one type whose cast to json is followed: the type of variable length that an extension named hstore defines. What
// is not stored as hstore stores it goes through its output function.
bool
IsHstore(Oid type)
{
	return pg::Call([&] {
		if (type < FirstNormalObjectId || get_typlen(type) != -1)
			return false;
		Oid extension = getExtensionOfObject(TypeRelationId, type);
		char *name = OidIsValid(extension) ? get_extension_name(extension) : nullptr;
		return name != nullptr && strcmp(name, "hstore") == 0;
	});
}

} // namespace

void
OutputText(Values &values, Buffer &out, const Type &type, Datum value)
{
	out.Append(values.Output(type, value));
}

void
QuotedText(Values &values, Buffer &out, const Type &type, Datum value)
{
	out.Append('"');
	type.text(values, out, type, value);
	out.Append('"');
}

Writers
WritersOf(Oid type)
{
	switch (type) {
	case BOOLOID:
		return {Boolean, OutputText};
	case INT2OID:
		return {Int2, Int2};
	case INT4OID:
		return {Int4, Int4};
	case INT8OID:
		return {Int8, Int8};
	case FLOAT4OID:
		return {Float4, OutputText};
	case FLOAT8OID:
		return {Float8, OutputText};
	case NUMERICOID:
		return {NumericJson, NumericText};
	case TEXTOID:
	case VARCHAROID:
	case BPCHAROID:
		return {StringJson, StringText};
	case BYTEAOID:
		return {ByteaJson, ByteaText};
	case UUIDOID:
		return {QuotedText, UuidText};
	case DATEOID:
		return {Date, OutputText};
	case TIMESTAMPOID:
		return {TimestampJson, OutputText};
	case TIMESTAMPTZOID:
		return {TimestampTzJson, OutputText};
	case JSONOID:
		return {JsonJson, OutputText};
	case JSONBOID:
		return {JsonbJson, OutputText};
	default:
		return {IsHstore(type) ? HstoreJson : OutputJson, OutputText};
	}
}

} // namespace txsync::decoder
