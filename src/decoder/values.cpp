#include "decoder/values.h"

#include "core/datetime.h"
#include "core/hstore.h"
#include "core/json.h"
#include "core/numeric.h"
#include "core/utf8.h"
#include "decoder/jsonb.h"
#include "decoder/settings.h"
#include "pg/call.h"
#include "pg/transaction.h"

#include <array>
#include <charconv>
#include <cmath>

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_conversion.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
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
	out.Append(values.Output(type, value));
}

void
OutputJson(Values &values, Buffer &out, const Type &type, Datum value)
{
	core::json::String(out, values.Output(type, value));
}

// ---- Scalars that need no output function

constexpr auto kHexPairs = [] {
	constexpr char kDigits[] = "0123456789abcdef";
	std::array<std::array<char, 2>, 256> pairs{};
	for (size_t byte = 0; byte < pairs.size(); byte++)
		pairs[byte] = {kDigits[byte >> 4], kDigits[byte & 15]};
	return pairs;
}();

// The two digits of a byte.
char *
Hex(char *at, unsigned char byte)
{
	memcpy(at, kHexPairs[byte].data(), 2);
	return at + 2;
}

// For texts that need no escaping.
void
QuotedText(Values &values, Buffer &out, const Type &type, Datum value)
{
	out.Append('"');
	type.text(values, out, type, value);
	out.Append('"');
}

void
ByteaText(Values &values, Buffer &out, const Type &, Datum value)
{
	std::string_view bytes = values.Bytes(value);
	char *at = out.Reserve(2 + bytes.size() * 2);
	*at++ = '\\';
	*at++ = 'x';
	for (char byte : bytes)
		at = Hex(at, static_cast<unsigned char>(byte));
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
	char *at = out.Reserve(UUID_LEN * 2 + 4);
	for (int group : {4, 2, 2, 2}) {
		for (int i = 0; i < group; i++)
			at = Hex(at, *bytes++);
		*at++ = '-';
	}
	for (int i = 0; i < 6; i++)
		at = Hex(at, *bytes++);
	out.CommitTo(at);
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
	if (ARR_DIMS(array)[dimension] == 0)
		out.Append('[');
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
	if (ARR_NDIM(array) == 0) {
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

// At least one byte, whatever the bytes are.
size_t
CharacterLength(int encoding, std::string_view text)
{
	int length = pg_encoding_mblen(encoding, text.data());
	return std::clamp<size_t>(static_cast<size_t>(length), 1, text.size());
}

} // namespace

Values::Values(MemoryContext session, MemoryContext scratch, size_t max_value, bool big_numbers_as_strings)
	: session_(session)
	, types_memory_(pg::Call([&] { return AllocSetContextCreate(session, "txsync types", ALLOCSET_SMALL_SIZES); }))
	, scratch_(scratch)
	, max_value_(max_value)
	, big_numbers_as_strings_(big_numbers_as_strings)
	, encoding_(GetDatabaseEncoding())
	, utf8_(encoding_ == PG_UTF8)
{
	FindConversion();
}

// Found once, while catalogs can be read: texts are also converted where there is no transaction. That of pg_catalog,
// which the search_path cannot hide.
void
Values::FindConversion()
{
	if (utf8_ || encoding_ == PG_SQL_ASCII)
		return;
	pg::InTransaction([&] {
		pg::Call([&] {
			Oid conversion = FindDefaultConversion(PG_CATALOG_NAMESPACE, encoding_, PG_UTF8);
			if (OidIsValid(conversion))
				fmgr_info_cxt(conversion, &to_utf8_, session_);
		});
	});
}

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
		fmgr_info_cxt(output, &type.output, types_memory_);
		type.oid = getBaseType(oid);
		get_typlenbyvalalign(type.oid, &type.layout.length, &type.layout.by_value, &type.align);
		element = get_element_type(type.oid);
		row = type_is_rowtype(type.oid);
	});
	Writers writers = OidIsValid(element) ? Writers{ArrayJson, OutputText}
					  : row               ? Writers{RowJson, OutputText}
										  : WritersOf(type.oid);
	if (big_numbers_as_strings_ && (type.oid == INT8OID || type.oid == NUMERICOID))
		writers.json = QuotedText;
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

// An error for what has no counterpart in UTF-8 would stop the stream for ever.
std::string_view
Values::Converted(std::string_view text)
{
	if (core::IsAscii(text))
		return text;
	Buffer utf8;
	if (utf8_ || encoding_ == PG_SQL_ASCII) {
		core::AppendValidUtf8(utf8, text);
		text = {};
	}
	while (!text.empty()) {
		size_t done = ConvertPart(utf8, text);
		if (done == 0) {
			utf8.Append(core::kReplacement);
			done = CharacterLength(encoding_, text);
		}
		text.remove_prefix(done);
	}
	return pg::Call([&] {
		auto *copy = static_cast<char *>(MemoryContextAllocHuge(scratch_, utf8.Size()));
		memcpy(copy, utf8.View().data(), utf8.Size());
		return std::string_view(copy, utf8.Size());
	});
}

// Converts up to the first character without a counterpart, or less; returns how many bytes of `text` that are.
size_t
Values::ConvertPart(Buffer &out, std::string_view text)
{
	constexpr size_t kPart = 64 * 1024;
	text = text.substr(0, kPart);
	size_t room = text.size() * MAX_CONVERSION_GROWTH + 1;
	char *to = out.Reserve(room);
	int done = !OidIsValid(to_utf8_.fn_oid) ? -1 : pg::Call([&] {
		return DatumGetInt32(FunctionCall6(&to_utf8_, Int32GetDatum(encoding_), Int32GetDatum(PG_UTF8),
										   CStringGetDatum(text.data()), CStringGetDatum(to),
										   Int32GetDatum(static_cast<int>(text.size())), BoolGetDatum(true)));
	});
	if (done >= 0) {
		out.CommitTo(to + (done > 0 ? strlen(to) : 0));
		return static_cast<size_t>(done);
	}
	// Of an encoding without a conversion only ASCII has a counterpart.
	size_t ascii = core::AsciiLength(text);
	out.Append(text.substr(0, ascii));
	return ascii;
}

void
Values::Pin()
{
	if (pinned_)
		return;
	PinSettings();
	pinned_ = true;
}

bool
Values::IsText(std::string_view bytes) const
{
	return bytes.find('\0') == std::string_view::npos &&
		   pg_verify_mbstr(encoding_, bytes.data(), static_cast<int>(bytes.size()), true);
}

std::string_view
Values::Output(const Type &type, Datum value)
{
	Pin();
	std::string_view text;
	try {
		text = pg::Call([&] {
			Datum plain = type.varlena ? PointerGetDatum(PG_DETOAST_DATUM(value)) : value;
			return std::string_view(OutputFunctionCall(const_cast<FmgrInfo *>(&type.output), plain));
		});
	} catch (const pg::Error &error) {
		// A few bytes of numeric can be 131 kB of text, and whoever wrote a jsonpath may have had more stack, so no
		// look at the value tells. Raised again it would stop the stream for ever. No subtransaction needs to go:
		// output functions write nothing, and what they pinned is let go with the transaction that decoding runs in.
		if (!error.IsTooLarge() && !error.IsTooDeep())
			throw;
		throw core::BufferFull();
	}
	return Shared(text); // it may hold roles' names
}

std::string_view
Values::Bytes(Datum value)
{
	auto *pointer = reinterpret_cast<struct varlena *>(DatumGetPointer(value));
	if (VARATT_IS_EXTERNAL(pointer) || VARATT_IS_COMPRESSED(pointer)) [[unlikely]] {
		pointer = pg::Call([&] { return pg_detoast_datum_packed(pointer); });
	}
	return {VARDATA_ANY(pointer), VARSIZE_ANY_EXHDR(pointer)};
}

bool
Values::SameBytes(Datum a, Datum b)
{
	if (a == b)
		return true;
	if (SizeOf(a) != SizeOf(b))
		return false;
	auto plain = [](Datum value) { return IsPlain(reinterpret_cast<varlena *>(DatumGetPointer(value))); };
	if (plain(a) && plain(b)) [[likely]]
		return Bytes(a) == Bytes(b);
	return pg::Call([&] {
		varlena *one = PG_DETOAST_DATUM_PACKED(a);
		varlena *other = PG_DETOAST_DATUM_PACKED(b);
		bool same = memcmp(VARDATA_ANY(one), VARDATA_ANY(other), VARSIZE_ANY_EXHDR(one)) == 0;
		if (PointerGetDatum(one) != a)
			pfree(one);
		if (PointerGetDatum(other) != b)
			pfree(other);
		return same;
	});
}

void *
Values::Detoast(Datum value)
{
	auto *pointer = reinterpret_cast<struct varlena *>(DatumGetPointer(value));
	if (VARATT_IS_EXTENDED(pointer)) {
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
	pg::Call([&] { MemoryContextReset(types_memory_); });
}

} // namespace txsync::decoder
