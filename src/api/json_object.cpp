#include "api/json_object.h"

#include "core/jsonb_text.h"

extern "C" {
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
}

namespace txsync::api {

JsonObject::JsonObject()
{
	pg::Call([&] { pushJsonbValue(&state_, WJB_BEGIN_OBJECT, nullptr); });
}

void
JsonObject::Member(std::string_view name, JsonbValue &value)
{
	pg::Call([&] {
		JsonbValue key = {};
		key.type = jbvString;
		key.val.string = {static_cast<int>(name.size()), pnstrdup(name.data(), name.size())};
		pushJsonbValue(&state_, WJB_KEY, &key);
		pushJsonbValue(&state_, WJB_VALUE, &value);
	});
}

void
JsonObject::Text(std::string_view name, std::string_view text)
{
	JsonbValue value = {};
	value.type = text.data() == nullptr ? jbvNull : jbvString;
	if (text.data() != nullptr)
		value.val.string = {static_cast<int>(text.size()),
							pg::Call([&] { return pnstrdup(text.data(), text.size()); })};
	Member(name, value);
}

void
JsonObject::Integer(std::string_view name, int64_t number)
{
	JsonbValue value = {};
	value.type = jbvNumeric;
	value.val.numeric = pg::Call([&] { return int64_to_numeric(number); });
	Member(name, value);
}

void
JsonObject::Bool(std::string_view name, bool truth)
{
	JsonbValue value = {};
	value.type = jbvBool;
	value.val.boolean = truth;
	Member(name, value);
}

void
JsonObject::Null(std::string_view name)
{
	JsonbValue value = {};
	value.type = jbvNull;
	Member(name, value);
}

void
JsonObject::Json(std::string_view name, Datum datum)
{
	JsonbValue value = {};
	pg::Call([&] {
		Jsonb *jsonb = DatumGetJsonbP(datum);
		if (JB_ROOT_IS_SCALAR(jsonb)) {
			JsonbExtractScalar(&jsonb->root, &value);
			return;
		}
		value.type = jbvBinary;
		value.val.binary = {static_cast<int>(VARSIZE(jsonb) - VARHDRSZ), &jsonb->root};
	});
	Member(name, value);
}

void
JsonObject::Json(std::string_view name, JsonbValue *object)
{
	Member(name, *object);
}

JsonbValue *
JsonObject::End()
{
	return pg::Call([&] { return pushJsonbValue(&state_, WJB_END_OBJECT, nullptr); });
}

size_t
SizeOf(const JsonbValue &value)
{
	switch (value.type) {
	case jbvString:
		return static_cast<size_t>(value.val.string.len);
	case jbvNumeric:
		return VARSIZE(value.val.numeric);
	case jbvBinary:
		return static_cast<size_t>(value.val.binary.len);
	case jbvObject: {
		size_t size = 0;
		for (int i = 0; i < value.val.object.nPairs; i++)
			size += SizeOf(value.val.object.pairs[i].key) + SizeOf(value.val.object.pairs[i].value);
		return size;
	}
	default:
		return 0;
	}
}

Datum
ToDatum(JsonbValue *value)
{
	return pg::Call([&] { return JsonbPGetDatum(JsonbValueToJsonb(value)); });
}

Datum
ToDatum(const core::Tx &tx)
{
	size_t size = VARHDRSZ + core::JsonbSize(tx);
	auto *jsonb = static_cast<Jsonb *>(pg::Call([&] { return palloc(size); }));
	SET_VARSIZE(jsonb, size);
	core::WriteJsonb(tx, VARDATA(jsonb));
	return JsonbPGetDatum(jsonb);
}

namespace {

void
AppendNumeric(core::Buffer &out, std::string_view number)
{
	Numeric numeric = pg::Call([&] {
		char *text = pnstrdup(number.data(), number.size());
		Datum value = DirectFunctionCall3(numeric_in, CStringGetDatum(text), InvalidOid, Int32GetDatum(-1));
		pfree(text);
		return DatumGetNumeric(value);
	});
	out.Append({reinterpret_cast<const char *>(numeric), VARSIZE(numeric)});
	pg::Call([&] { pfree(numeric); });
}

} // namespace

Datum
ToDatum(std::string_view json)
{
	core::Buffer jsonb;
	if (core::WriteJsonb(jsonb, json, AppendNumeric)) {
		size_t size = VARHDRSZ + jsonb.Size();
		auto *datum = static_cast<struct varlena *>(pg::Call([&] { return palloc(size); }));
		SET_VARSIZE(datum, size);
		memcpy(VARDATA(datum), jsonb.View().data(), jsonb.Size());
		return PointerGetDatum(datum);
	}
	return pg::Call([&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(pnstrdup(json.data(), json.size()))); });
}

std::optional<Datum>
ToDatumIfFits(std::string_view json)
{
	// What makes a jsonb does nothing but to look at the text: there is nothing to be undone.
	try {
		return ToDatum(json);
	} catch (const pg::Error &error) {
		int category = ERRCODE_TO_CATEGORY(error.data->sqlerrcode);
		if (category != ERRCODE_DATA_EXCEPTION && category != ERRCODE_PROGRAM_LIMIT_EXCEEDED && !error.IsTooLarge())
			throw;
		pg::Call([&] { FreeErrorData(error.data); });
		return std::nullopt;
	}
}

Datum
ToDatum(const std::function<void(core::Buffer &, const Fits &)> &write)
{
	core::Buffer json;
	write(json, [](std::string_view) { return true; });
	if (std::optional<Datum> jsonb = ToDatumIfFits(json.View()))
		return *jsonb;
	json.Truncate(0);
	write(json, [](std::string_view part) { return ToDatumIfFits(part).has_value(); });
	return ToDatum(json.View());
}

} // namespace txsync::api
