#include "api/operation.h"

#include "api/table.h"

extern "C" {
#include "catalog/pg_type.h"
}

namespace txsync::api {

namespace {

using core::Operation;
using core::Place;

// ---- Templates of SQL: @ is the column, # the value or the item, ! the anchor

constexpr char kIncrement[] = "coalesce(@, 0) OPERATOR(pg_catalog.+) #";

// In arrays.

constexpr char kArrayAppend[] =
	"CASE WHEN pg_catalog.array_position(@, #) IS NULL THEN pg_catalog.array_append(@, #) ELSE @ END";
constexpr char kArrayPrepend[] =
	"CASE WHEN pg_catalog.array_position(@, #) IS NULL THEN pg_catalog.array_prepend(#, @) ELSE @ END";
constexpr char kArrayBefore[] = "CASE WHEN pg_catalog.array_position(@, #) IS NOT NULL THEN @"
								" WHEN pg_catalog.array_position(@, !) IS NULL THEN pg_catalog.array_append(@, #)"
								" ELSE pg_catalog.array_cat(pg_catalog.array_append((@)[:pg_catalog.array_position(@, "
								"!) OPERATOR(pg_catalog.-) 1], #),"
								" (@)[pg_catalog.array_position(@, !):]) END";
constexpr char kArrayAfter[] =
	"CASE WHEN pg_catalog.array_position(@, #) IS NOT NULL THEN @"
	" WHEN pg_catalog.array_position(@, !) IS NULL THEN pg_catalog.array_append(@, #)"
	" ELSE pg_catalog.array_cat(pg_catalog.array_append((@)[:pg_catalog.array_position(@, !)], #),"
	" (@)[pg_catalog.array_position(@, !) OPERATOR(pg_catalog.+) 1:]) END";
constexpr char kArrayRemove[] = "pg_catalog.array_remove(@, #)";

// In JSON arrays: % is the list with the item in it.

constexpr char kJsonInsert[] = "(SELECT CASE WHEN f.item IS NULL THEN % ELSE l.list END"
							   " FROM (SELECT coalesce(@::pg_catalog.jsonb, '[]') AS list) l,"
							   " LATERAL (SELECT pg_catalog.min(o) FILTER (WHERE e OPERATOR(pg_catalog.=) #) AS item,"
							   " pg_catalog.min(o) FILTER (WHERE e OPERATOR(pg_catalog.=) !)::pg_catalog.int4 AS anchor"
							   " FROM pg_catalog.jsonb_array_elements(l.list) WITH ORDINALITY AS a(e, o)) f)";
constexpr char kJsonAppend[] = "l.list OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_array(#)";
constexpr char kJsonPrepend[] = "pg_catalog.jsonb_build_array(#) OPERATOR(pg_catalog.||) l.list";
constexpr char kJsonBefore[] =
	"CASE WHEN f.anchor IS NULL THEN l.list OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_array(#)"
	" ELSE pg_catalog.jsonb_insert(l.list, ARRAY[(f.anchor OPERATOR(pg_catalog.-) 1)::pg_catalog.text], #) END";
constexpr char kJsonAfter[] =
	"CASE WHEN f.anchor IS NULL THEN l.list OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_array(#)"
	" ELSE pg_catalog.jsonb_insert(l.list, ARRAY[(f.anchor OPERATOR(pg_catalog.-) 1)::pg_catalog.text], #, true) END";
constexpr char kJsonRemove[] =
	"CASE WHEN @ IS NOT NULL THEN (SELECT coalesce(pg_catalog.jsonb_agg(e ORDER BY o)"
	" FILTER (WHERE e OPERATOR(pg_catalog.<>) #), '[]')"
	" FROM pg_catalog.jsonb_array_elements(@::pg_catalog.jsonb) WITH ORDINALITY AS a(e, o)) END";

// Indexed by Place.
constexpr const char *kArrayInserts[] = {kArrayPrepend, kArrayAppend, kArrayBefore, kArrayAfter};
constexpr const char *kJsonInserts[] = {kJsonPrepend, kJsonAppend, kJsonBefore, kJsonAfter};

// What stands for the marks of a template.
struct Filling
{
	std::string column;
	std::string value;
	std::string anchor;
	std::string_view with_item; // a template itself
};

std::string
Fill(std::string_view text, const Filling &filling)
{
	std::string sql;
	for (char c : text) {
		switch (c) {
		case '@':
			sql += filling.column;
			break;
		case '#':
			sql += filling.value;
			break;
		case '!':
			sql += filling.anchor;
			break;
		case '%':
			sql += Fill(filling.with_item, filling);
			break;
		default:
			sql += c;
		}
	}
	return sql;
}

std::string_view
Template(const core::Op &op, const Column &column)
{
	bool json = column.input.IsJson();
	switch (op.operation) {
	case Operation::kSet:
		return "#";
	case Operation::kSetNow:
		return "pg_catalog.now()";
	case Operation::kIncrement:
		return kIncrement;
	case Operation::kListInsert:
		return json ? kJsonInsert : kArrayInserts[static_cast<size_t>(op.place)];
	case Operation::kListRemove:
		return json ? kJsonRemove : kArrayRemove;
	}
	return {};
}

bool
IsOfList(const core::Op &op)
{
	return op.operation == Operation::kListInsert || op.operation == Operation::kListRemove;
}

bool
HasAnchor(const core::Op &op)
{
	return op.operation == Operation::kListInsert && (op.place == Place::kBefore || op.place == Place::kAfter);
}

void
RequireType(const core::Op &op, const Column &column)
{
	const char *needed = nullptr;
	if (op.operation == Operation::kIncrement && !column.is_number)
		needed = "a number";
	if (IsOfList(op) && !column.item)
		needed = "an array or a JSON document";
	if (needed != nullptr)
		throw pg::Failure{ERRCODE_DATATYPE_MISMATCH, "column " + Quoted(column.name) + " is not " + needed,
						  "Operation " + std::string(core::NameOf(op.operation)) + " needs one."};
}

// The input for the op's values.
Input &
InputOf(const core::Op &op, Column &column)
{
	return IsOfList(op) ? *column.item : column.input;
}

} // namespace

Assignment
Assign(const core::Op &op, Column &column)
{
	RequireType(op, column);
	Assignment assignment;
	assignment.form = {static_cast<char>('0' + static_cast<int>(op.operation)),
					   static_cast<char>('0' + static_cast<int>(op.place))};
	auto take = [&](const core::JsonbEntry &value) {
		Input &input = InputOf(op, column);
		assignment.form += input.Nests(value) ? 'n' : 'v';
		assignment.parameters.push_back(input.Read(value));
	};
	if (op.operation != Operation::kSetNow)
		take(op.value);
	if (HasAnchor(op))
		take(op.anchor);
	return assignment;
}

std::string
Expression(const core::Op &op, const Column &column, int first)
{
	const Input &input = IsOfList(op) ? *column.item : column.input;
	Filling filling;
	filling.column = "t." + column.sql;
	filling.value = input.Expression(first, input.Nests(op.value));
	filling.anchor = HasAnchor(op) ? input.Expression(first + 1, input.Nests(op.anchor)) : "NULL";
	filling.with_item = kJsonInserts[static_cast<size_t>(op.place)];
	return Fill(Template(op, column), filling);
}

} // namespace txsync::api
