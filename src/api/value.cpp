#include "api/value.h"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
}

namespace txsync::api {

namespace {

using Kind = core::JsonbEntry::Kind;

// Views the entry.
JsonbValue
ToJsonbValue(const core::JsonbEntry &entry)
{
	char *bytes = const_cast<char *>(entry.bytes.data());
	auto size = static_cast<int>(entry.bytes.size());
	JsonbValue value = {};
	switch (entry.kind) {
	case Kind::kString:
		value.type = jbvString;
		value.val.string = {size, bytes};
		break;
	case Kind::kNumeric:
		value.type = jbvNumeric;
		value.val.numeric = reinterpret_cast<Numeric>(bytes);
		break;
	case Kind::kFalse:
	case Kind::kTrue:
		value.type = jbvBool;
		value.val.boolean = entry.kind == Kind::kTrue;
		break;
	case Kind::kContainer:
		value.type = jbvBinary;
		value.val.binary = {size, reinterpret_cast<JsonbContainer *>(bytes)};
		break;
	case Kind::kNull:
	case Kind::kDamaged:
		value.type = jbvNull;
		break;
	}
	return value;
}

char *
InputText(const core::JsonbEntry &entry)
{
	switch (entry.kind) {
	case Kind::kString:
		return pnstrdup(entry.bytes.data(), entry.bytes.size());
	case Kind::kNumeric:
		return DatumGetCString(DirectFunctionCall1(numeric_out, PointerGetDatum(entry.bytes.data())));
	case Kind::kFalse:
	case Kind::kTrue:
		return pstrdup(entry.kind == Kind::kTrue ? "true" : "false");
	default:
		return DatumGetCString(DirectFunctionCall1(jsonb_out, JsonbOf(entry)));
	}
}

// `{"v": value}`
Datum
Record(const core::JsonbEntry &entry)
{
	JsonbParseState *state = nullptr;
	JsonbValue key = {};
	key.type = jbvString;
	key.val.string = {1, const_cast<char *>("v")};
	JsonbValue value = ToJsonbValue(entry);
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, nullptr);
	pushJsonbValue(&state, WJB_KEY, &key);
	pushJsonbValue(&state, WJB_VALUE, &value);
	return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, nullptr)));
}

} // namespace

Datum
JsonbOf(const core::JsonbEntry &entry)
{
	return pg::Call([&] {
		JsonbValue value = ToJsonbValue(entry);
		return JsonbPGetDatum(JsonbValueToJsonb(&value));
	});
}

std::string
TextOf(const core::JsonbEntry &value)
{
	return pg::Call([&] { return InputText(value); });
}

Input::Input(Oid type, MemoryContext context)
{
	pg::Call([&] {
		type_ = getBaseType(type);
		Oid function = InvalidOid;
		getTypeInputInfo(type_, &function, &io_parameter_);
		fmgr_info_cxt(function, &function_, context);
	});
}

bool
Input::IsJson() const
{
	return type_ == JSONBOID || type_ == JSONOID;
}

pg::Spi::Parameter
Input::Read(const core::JsonbEntry &value)
{
	if (value.kind == Kind::kNull)
		return {type_, 0, true};
	if (type_ == JSONBOID)
		return {type_, JsonbOf(value)};
	return pg::Call([&]() -> pg::Spi::Parameter {
		if (Nests(value))
			return {JSONBOID, Record(value)};
		if (type_ == JSONOID)
			return {type_, CStringGetTextDatum(DatumGetCString(DirectFunctionCall1(jsonb_out, JsonbOf(value))))};
		return {type_, InputFunctionCall(&function_, InputText(value), io_parameter_, -1)};
	});
}

std::string
Input::Expression(int parameter, bool nests) const
{
	std::string value = "$" + std::to_string(parameter);
	if (!nests)
		return value;
	const char *type = pg::Call([&] { return format_type_extended(type_, -1, FORMAT_TYPE_FORCE_QUALIFY); });
	return "(SELECT r.v FROM pg_catalog.jsonb_to_record(" + value + ") AS r(v " + type + "))";
}

} // namespace txsync::api
