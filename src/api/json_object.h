#pragma once
// A jsonb object, member by member.

#include "core/jsonb.h"
#include "pg/call.h"

#include <functional>
#include <optional>

extern "C" {
#include "utils/jsonb.h"
}

namespace txsync::api {

// In the memory context that is current. Names and texts are copied.
class JsonObject
{
public:
	JsonObject();

	// A text with data() == nullptr becomes null.
	void Text(std::string_view name, std::string_view value);
	void Integer(std::string_view name, int64_t value);
	void Bool(std::string_view name, bool value);
	void Null(std::string_view name);

	// A jsonb, or an object as End() gives it, which must stay.
	void Json(std::string_view name, Datum jsonb);
	void Json(std::string_view name, JsonbValue *object);

	JsonbValue *End();

private:
	void Member(std::string_view name, JsonbValue &value);

	JsonbParseState *state_ = nullptr;
};

// How many bytes its texts, numbers and binary parts have, about.
size_t SizeOf(const JsonbValue &value);

// As a value of SQL.
Datum ToDatum(JsonbValue *value);

// With nothing but its three members.
Datum ToDatum(const core::Tx &tx);

// The jsonb that a JSON text is.
Datum ToDatum(std::string_view json);

// Nothing for what is JSON and jsonb cannot hold: the character 0, numbers beyond numeric, and what is too large.
std::optional<Datum> ToDatumIfFits(std::string_view json);

// Whether jsonb can hold a text that is JSON.
using Fits = std::function<bool(std::string_view)>;

// The jsonb of what `write` writes, which asks for each part that is of the users' making whether it fits, and tells
// something else in its place if not. It may be called twice: for the most part nobody has to look.
Datum ToDatum(const std::function<void(core::Buffer &, const Fits &)> &write);

} // namespace txsync::api
