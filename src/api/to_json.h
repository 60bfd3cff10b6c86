#pragma once
// Values as jsonb, in the one shape that all who read are told: as the stream writes them, whatever the session's
// settings, and without code of users.

#include "pg/spi.h"

namespace txsync::api {

// The value of a column of the type, for a record that is to be written as JSON: itself, or its text where a cast of
// users would be called for it.
std::string Tellable(Oid type, const std::string &value);

// `(SELECT …)`: a record of such values, or null of none.
std::string RecordOf(const std::string &tellables);

class ToJson
{
public:
	// What it keeps is in `context`. Settled: no setting changes how values read.
	ToJson(Oid type, MemoryContext context, bool is_settled);

	// Not null.
	Datum operator()(Datum value);

	Oid
	Type() const
	{
		return type_;
	}

private:
	Oid type_;
	FmgrInfo function_; // to_jsonb, or the type's output
	bool is_settled_;
	bool as_text_;
};

} // namespace txsync::api
