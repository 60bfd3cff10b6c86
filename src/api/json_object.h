#pragma once
// A jsonb object, member by member.

#include "core/jsonb.h"
#include "pg/call.h"

extern "C" {
#include "utils/jsonb.h"
}

namespace txsync::api {

// In the memory context that is current.
class JsonObject
{
public:
	JsonObject();

	// Copies the text; one with data() == nullptr becomes null.
	void Text(const char *name, std::string_view value);
	void Integer(const char *name, int64_t value);
	void Bool(const char *name, bool value);
	void Null(const char *name);

	// A jsonb, or an object as End() gives it, which must stay.
	void Json(const char *name, Datum jsonb);
	void Json(const char *name, JsonbValue *object);

	JsonbValue *End();

private:
	void Member(const char *name, JsonbValue &value);

	JsonbParseState *state_ = nullptr;
};

// As a value of SQL.
Datum ToDatum(JsonbValue *value);

} // namespace txsync::api
