#pragma once
// Values without parts, and those whose parts the server's types do not tell of: json, jsonb and hstore.

#include "decoder/values.h"

namespace txsync::decoder {

struct Writers
{
	Type::Writer json;
	Type::Writer text;
};

// The writers of a type that is neither an array nor a row. Most need no output function, and some are those that
// to_jsonb does not write as strings.
Writers WritersOf(Oid type);

// By the type's output function.
void OutputText(Values &values, core::Buffer &out, const Type &type, Datum value);

// The text as a JSON string; for texts that need no escaping.
void QuotedText(Values &values, core::Buffer &out, const Type &type, Datum value);

} // namespace txsync::decoder
