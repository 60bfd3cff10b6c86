#pragma once
// Ops as a client queues them, for tests of what becomes of the queue.

#include "core/squash.h"

#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace txsync::test {

using core::Operation;
using core::QueuedOp;
using core::SquashedOp;
using Action = core::OpAction;
using Data = std::map<std::string, std::string>; // values are JSON, as far as it matters

inline const std::vector<std::string> &
Fields()
{
	static const auto *const fields = new std::vector<std::string>{"n", "a", "list", "b", "ref"};
	return *fields;
}

// An op that owns its texts.
struct ClientOp
{
	std::string id;
	std::string entity;
	Action action = Action::kUpdate;
	std::optional<std::string> field = {};
	Operation operation = Operation::kSet;
	std::optional<std::string> expected = {};
	std::string value = {};
	Data data = {}; // of a create, and of an update of no one field
	bool sent = false;
	bool bound = false;
	std::vector<std::string> replaces = {};
	std::optional<std::string> expected_field = {};

	bool operator==(const ClientOp &) const = default;
};

inline void
PrintTo(const ClientOp &op, std::ostream *out)
{
	*out << "\n  " << op.id << (op.sent ? " (sent)" : "") << ": "
		 << "CUD"[static_cast<int>(op.action)] << ' ' << op.entity << '.' << op.field.value_or("-") << ' '
		 << "=t+il"[static_cast<int>(op.operation)] << ' ' << op.value;
	for (const auto &[field, value] : op.data)
		*out << ' ' << field << '=' << value;
	*out << " expects " << op.expected.value_or("null") << " of " << op.expected_field.value_or("-") << " replaces";
	for (const std::string &id : op.replaces)
		*out << ' ' << id;
}

inline std::string_view
ViewOf(const std::optional<std::string> &text)
{
	return text ? std::string_view(*text) : std::string_view();
}

inline std::string
Content(const ClientOp &op)
{
	std::string content = op.value;
	for (const auto &[field, value] : op.data)
		content += '"' + field + "\":" + value + ',';
	return content;
}

// What a binding makes of a result.
inline ClientOp
Made(const std::vector<ClientOp> &ops, const SquashedOp &squashed)
{
	ClientOp op = ops[squashed.base];
	op.id = ops[squashed.id].id;
	const ClientOp &expected = ops[squashed.expected];
	op.expected = squashed.expected_is_id ? std::optional(expected.id) : expected.expected;
	if (squashed.expected_field)
		op.expected_field = ops[*squashed.expected_field].field;
	op.replaces.assign(squashed.replaces.begin(), squashed.replaces.end());
	if (op.action == Action::kCreate) {
		for (size_t update : squashed.values)
			op.data[*ops[update].field] = ops[update].value;
	} else if (!squashed.values.empty()) {
		int sum = 0;
		for (size_t update : squashed.values)
			sum += std::stoi(ops[update].value);
		op.value = std::to_string(sum);
	}
	return op;
}

inline std::vector<ClientOp>
Squashed(const std::vector<ClientOp> &ops)
{
	std::vector<QueuedOp> queued;
	std::vector<std::string> contents;
	std::vector<std::vector<std::string_view>> replaces;
	contents.reserve(ops.size());
	replaces.reserve(ops.size());
	for (const ClientOp &op : ops) {
		contents.push_back(Content(op));
		replaces.emplace_back(op.replaces.begin(), op.replaces.end());
		queued.push_back({op.id, "things", op.entity, op.action, op.operation, ViewOf(op.field), ViewOf(op.expected),
						  replaces.back(), contents.back(), op.sent, op.bound});
	}
	std::vector<ClientOp> results;
	for (const SquashedOp &squashed : core::Squash(queued))
		results.push_back(Made(ops, squashed));
	return results;
}

inline ClientOp
Create(std::string id, std::string entity, Data data = {})
{
	return {.id = id, .entity = entity, .action = Action::kCreate, .data = data};
}

inline ClientOp
Set(std::string id, std::string entity, std::string field, std::string value, std::optional<std::string> expected = {})
{
	return {.id = id, .entity = entity, .field = field, .expected = expected, .value = value};
}

inline ClientOp
As(Operation operation, ClientOp op)
{
	op.operation = operation;
	return op;
}

inline ClientOp
Increment(std::string id, std::string entity, std::string value, std::optional<std::string> expected = {})
{
	return As(Operation::kIncrement, Set(id, entity, "n", value, expected));
}

inline ClientOp
Delete(std::string id, std::string entity, std::optional<std::string> expected = {})
{
	return {.id = id, .entity = entity, .action = Action::kDelete, .expected = expected};
}

inline ClientOp
Sent(ClientOp op)
{
	op.sent = true;
	return op;
}

inline ClientOp
Bound(ClientOp op)
{
	op.bound = true;
	return op;
}

inline ClientOp
Replacing(std::vector<std::string> ids, ClientOp op)
{
	op.replaces = ids;
	return op;
}

inline ClientOp
OfField(std::string field, ClientOp op)
{
	op.expected_field = field;
	return op;
}

} // namespace txsync::test
