#pragma once
// What an operation makes of its column.

#include "api/target.h"
#include "core/op.h"

namespace txsync::api {

// The expression that an UPDATE assigns to the op's column, and the values for its parameters. Two ops with the same
// form have the same expression.
struct Assignment
{
	std::string form;
	std::vector<pg::Spi::Parameter> parameters;
};

// Fails if the column's type has no such operation, or if the value is none of its type's.
Assignment Assign(const core::Op &op, Column &column);

// `first`: the number of its first parameter.
std::string Expression(const core::Op &op, const Column &column, int first);

} // namespace txsync::api
