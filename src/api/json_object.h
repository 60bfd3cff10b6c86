#pragma once
// A jsonb object, member by member.

#include "core/jsonb.h"
#include "pg/call.h"

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

} // namespace txsync::api
