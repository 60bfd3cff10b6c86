#include "decoder/values.h"

#include "core/datetime.h"
#include "core/json.h"
#include "core/numeric.h"
#include "core/utf8.h"
#include "decoder/jsonb.h"
#include "decoder/settings.h"
#include "pg/call.h"
#include "pg/memory.h"

#include <charconv>
#include <cmath>

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"
#include "utils/uuid.h"
}

namespace txsync::decoder {

using core::Buffer;

namespace {

// ---- Through the output function

void
OutputText(Values &values, Buffer &out, const Type &type, Datum value)
{
	out.Append(values.ToUtf8(values.Output(type, value)));
}

void
OutputJson(Values &values, Buffer &out, const Type &type, Datum value)
{
	values.String(out, values.Output(type, value));
}

// ---- Scalars that need no output function

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
	static constexpr char kHex[] = "0123456789abcdef";
	const unsigned char *bytes = DatumGetUUIDP(value)->data;
	char *at = out.Reserve(UUID_LEN * 2 + 4);
	for (int i = 0; i < UUID_LEN; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*at++ = '-';
		*at++ = kHex[bytes[i] >> 4];
		*at++ = kHex[bytes[i] & 15];
	}
	out.CommitTo(at);
}

void
UuidJson(Values &values, Buffer &out, const Type &type, Datum value)
{
	out.Append('"');
	UuidText(values, out, type, value);
	out.Append('"');
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

// ---- Arrays and rows

struct Elements
{
	Datum *values;
	bool *nulls;
	int count;
	int next;
};

void
Dimension(Values &values, Buffer &out, const Type &type, const ArrayType *array, int dimension, Elements &elements)
{
	bool innermost = dimension == ARR_NDIM(array) - 1;
	for (int i = 0; i < ARR_DIMS(array)[dimension]; i++) {
		out.Append(i == 0 ? '[' : ',');
		if (!innermost) {
			Dimension(values, out, type, array, dimension + 1, elements);
			continue;
		}
		int at = elements.next++;
		if (elements.nulls[at])
			out.Append("null");
		else
			values.Json(out, *type.element, elements.values[at]);
	}
	out.Append(']');
}

void
ArrayJson(Values &values, Buffer &out, const Type &type, Datum value)
{
	auto *array = static_cast<ArrayType *>(values.Detoast(value));
	if (ARR_NDIM(array) == 0 || ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) == 0) {
		out.Append("[]");
		return;
	}
	Elements elements = {};
	pg::Call([&] {
		check_stack_depth();
		deconstruct_array(array, ARR_ELEMTYPE(array), type.element->layout.length, type.element->layout.by_value,
						  type.element->align, &elements.values, &elements.nulls, &elements.count);
	});
	Dimension(values, out, type, array, 0, elements);
}

struct Row
{
	TupleDesc desc;
	Datum *values;
	bool *nulls;
};

Row
DeformRow(HeapTupleHeader header)
{
	return pg::Call([&] {
		check_stack_depth();
		Row row;
		row.desc = lookup_rowtype_tupdesc_copy(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
		row.values = static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<size_t>(row.desc->natts)));
		row.nulls = static_cast<bool *>(palloc(sizeof(bool) * static_cast<size_t>(row.desc->natts)));
		HeapTupleData tuple = {};
		tuple.t_len = HeapTupleHeaderGetDatumLength(header);
		tuple.t_data = header;
		heap_deform_tuple(&tuple, row.desc, row.values, row.nulls);
		return row;
	});
}

void
RowJson(Values &values, Buffer &out, const Type &, Datum value)
{
	Row row = DeformRow(static_cast<HeapTupleHeader>(values.Detoast(value)));
	char separator = '{';
	for (int i = 0; i < row.desc->natts; i++) {
		Form_pg_attribute attribute = TupleDescAttr(row.desc, i);
		if (attribute->attisdropped)
			continue;
		out.Append(separator);
		separator = ',';
		values.String(out, NameStr(attribute->attname));
		out.Append(':');
		if (row.nulls[i])
			out.Append("null");
		else
			values.Json(out, values.TypeOf(attribute->atttypid), row.values[i]);
	}
	if (separator == '{')
		out.Append(separator);
	out.Append('}');
}

struct Writers
{
	Type::Writer json;
	Type::Writer text;
};

// Types whose values need no output function, and those that to_jsonb does not write as strings.
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
	case UUIDOID:
		return {UuidJson, UuidText};
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
		return {OutputJson, OutputText};
	}
}

} // namespace

Values::Values(MemoryContext session, MemoryContext scratch)
	: session_(session)
	, scratch_(scratch)
	, utf8_(GetDatabaseEncoding() == PG_UTF8)
{}

const Type &
Values::TypeOf(Oid oid)
{
	auto at = types_.find(oid);
	if (at == types_.end())
		at = types_.emplace(oid, Resolve(oid)).first;
	return at->second;
}

Type
Values::Resolve(Oid oid)
{
	Type type;
	Oid element = InvalidOid;
	bool row = false;
	pg::Call([&] {
		Oid output;
		getTypeOutputInfo(oid, &output, &type.varlena);
		fmgr_info_cxt(output, &type.output, session_);
		type.oid = getBaseType(oid);
		get_typlenbyvalalign(type.oid, &type.layout.length, &type.layout.by_value, &type.align);
		element = get_element_type(type.oid);
		row = type_is_rowtype(type.oid);
	});
	Writers writers = OidIsValid(element) ? Writers{ArrayJson, OutputText}
					  : row               ? Writers{RowJson, OutputText}
										  : WritersOf(type.oid);
	type.json = writers.json;
	type.text = writers.text;
	if (OidIsValid(element))
		type.element = &TypeOf(element);
	return type;
}

void
Values::String(Buffer &out, std::string_view text)
{
	core::json::String(out, ToUtf8(text));
}

std::string_view
Values::Converted(std::string_view text)
{
	Buffer valid;
	if (GetDatabaseEncoding() == PG_SQL_ASCII) {
		core::AppendValidUtf8(valid, text);
		text = valid.View();
	}
	return pg::Call([&] {
		MemoryContext outer = MemoryContextSwitchTo(scratch_);
		char *copy = pnstrdup(text.data(), text.size());
		if (GetDatabaseEncoding() != PG_SQL_ASCII)
			copy = pg_server_to_any(copy, static_cast<int>(text.size()), PG_UTF8);
		MemoryContextSwitchTo(outer);
		return std::string_view(copy);
	});
}

std::string_view
Values::Output(const Type &type, Datum value)
{
	if (!pinned_) {
		PinSettings();
		pinned_ = true;
	}
	return pg::Call([&] {
		MemoryContext outer = MemoryContextSwitchTo(scratch_);
		Datum plain = type.varlena ? PointerGetDatum(PG_DETOAST_DATUM(value)) : value;
		const char *text = OutputFunctionCall(const_cast<FmgrInfo *>(&type.output), plain);
		MemoryContextSwitchTo(outer);
		return std::string_view(text);
	});
}

std::string_view
Values::Bytes(Datum value)
{
	auto *pointer = reinterpret_cast<struct varlena *>(DatumGetPointer(value));
	if (VARATT_IS_EXTERNAL(pointer) || VARATT_IS_COMPRESSED(pointer)) [[unlikely]] {
		pg::ContextScope scope(scratch_);
		pointer = pg::Call([&] { return pg_detoast_datum_packed(pointer); });
	}
	return {VARDATA_ANY(pointer), VARSIZE_ANY_EXHDR(pointer)};
}

void *
Values::Detoast(Datum value)
{
	auto *pointer = reinterpret_cast<struct varlena *>(DatumGetPointer(value));
	if (VARATT_IS_EXTENDED(pointer)) {
		pg::ContextScope scope(scratch_);
		pointer = pg::Call([&] { return pg_detoast_datum(pointer); });
	}
	return pointer;
}

std::string_view
Values::AlignedBytes(Datum value)
{
	const void *plain = Detoast(value);
	return {VARDATA(plain), VARSIZE(plain) - VARHDRSZ};
}

void
Values::EndChange()
{
	MemoryContextReset(scratch_);
}

void
Values::EndTransaction()
{
	pinned_ = false;
}

void
Values::Forget()
{
	types_.clear();
}

} // namespace txsync::decoder
