#pragma once
// Values of SQL as C++ ones, and the other way.

#include "pg/call.h"

#include <optional>

namespace txsync::api {

std::string TextArgument(FunctionCallInfo fcinfo, int i);

// A view that is valid as long as the call; data() == nullptr for null.
std::string_view OptionalText(FunctionCallInfo fcinfo, int i);

std::string NameArgument(FunctionCallInfo fcinfo, int i);
std::vector<std::string> NamesArgument(FunctionCallInfo fcinfo, int i);

// Throws pg::Failure if one of them is null; `what` is such a one.
std::vector<std::string> TextsArgument(FunctionCallInfo fcinfo, int i, const char *what);

// A jsonb without its length word, valid as long as the call.
std::string_view JsonbArgument(FunctionCallInfo fcinfo, int i);

// A text in the current memory context.
Datum TextDatum(std::string_view text);

// Throws pg::Failure if the argument is null.
void Require(FunctionCallInfo fcinfo, int i, const char *name);

} // namespace txsync::api
