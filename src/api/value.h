#pragma once
// Values of JSON documents as SQL values, and back.

#include "core/jsonb.h"
#include "pg/spi.h"

namespace txsync::api {

// The value by itself. Memory of the current context.
Datum JsonbOf(const core::JsonbEntry &value);

// As input functions take it: a text itself, anything else as JSON writes it.
std::string TextOf(const core::JsonbEntry &value);

// How a type takes values: texts, numbers and booleans by its input function, as they are written; null as SQL's null;
// JSON columns the value itself; arrays, composite types and whatever else comes as an array or object by the rules of
// jsonb_to_record().
class Input
{
public:
	// What it keeps is in `context`.
	Input(Oid type, MemoryContext context);

	// An array or object that is not for a JSON column: the statement has to take it apart.
	bool
	Nests(const core::JsonbEntry &value) const
	{
		return value.kind == core::JsonbEntry::Kind::kContainer && !IsJson();
	}

	// The parameter for the value, and the expression that makes the column's value of the parameter of this number.
	// Fails as the type's input function does.
	pg::Spi::Parameter Read(const core::JsonbEntry &value);
	std::string Expression(int parameter, bool nests) const;

	bool IsJson() const;

	Oid
	Type() const
	{
		return type_;
	}

private:
	Oid type_; // no domain: the statement checks what comes into one
	Oid io_parameter_ = InvalidOid;
	FmgrInfo function_;
};

} // namespace txsync::api
