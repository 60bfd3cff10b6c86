#include "decoder/values.h"

#include "core/json.h"
#include "core/utf8.h"
#include "decoder/composites.h"
#include "decoder/scalars.h"
#include "decoder/settings.h"
#include "pg/call.h"
#include "pg/image.h"
#include "pg/transaction.h"

extern "C" {
#include "catalog/namespace.h"
#include "catalog/pg_conversion.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/lsyscache.h"
}

namespace txsync::decoder {

using core::Buffer;

namespace {

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
	if (VARATT_IS_EXTERNAL(pointer) || VARATT_IS_COMPRESSED(pointer)) [[unlikely]]
		pointer = pg::Call([&] { return pg_detoast_datum_packed(pointer); });
	return pg::BytesOf(pointer);
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
	if (VARATT_IS_EXTENDED(pointer))
		pointer = pg::Call([&] { return pg_detoast_datum(pointer); });
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
