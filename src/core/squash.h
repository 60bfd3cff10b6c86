#pragma once
// What a queue of mutations, written while the server could not be reached, may shrink to.

#include "core/op.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace txsync::core {

// A queued op, as far as squashing looks at it. Texts that are not there have data() == nullptr.
struct QueuedOp
{
	std::string_view transaction_id;
	std::string_view entity_type;
	std::string_view entity_id;
	OpAction action = OpAction::kUpdate;
	Operation operation = Operation::kSet;
	std::string_view changed_field = {};
	std::string_view expected = {};                  // expectedTransactionId
	std::span<const std::string_view> replaces = {}; // of a queue that was squashed before
	std::string_view content = {};                   // JSON text of value or data: it may name other entities
	bool sent = false;                               // before, and the outcome is not known

	// Has more that it expects (expectedVersion), or is malformed: its entity's ops stay as they are.
	bool bound = false;
};

// What stands for one op or several: the members of op `base`, but for those told here. Numbers are indexes of ops.
struct SquashedOp
{
	size_t base = 0;

	// Whose transactionId.
	size_t id = 0;

	// Whose expectedTransactionId, if any; or whose transactionId stands there.
	size_t expected = 0;
	bool expected_is_id = false;

	// Of a delete: whose changedField stands as `expectedField`, since `expected` is that field's version (Attempt in
	// core/conflict.h).
	std::optional<size_t> expected_field = {};

	// Of a create: updates whose values go into its data, later ones over earlier ones. Of an increment: those whose
	// values add up, base among them. Else empty.
	std::vector<size_t> values = {};

	// All of its `replaces`: own ids that it stands for and that the server may have got.
	std::vector<std::string_view> replaces = {};

	bool operator==(const SquashedOp &) const = default;
};

// On a server in the state that the client expected, applying the result leaves the data that applying `ops` one after
// the other would. If others wrote meanwhile it writes over no more of that than `ops` would. In the order to apply
// them:
//
//   - sets of a field become the last of them, with what the first expected; `replaces` lists the others. So do
//     increments before a set. It stands where the last stood.
//   - increments that were not sent add up, and stand where the last stood. The others are not in `replaces`: had
//     the server one of them after all, it would count twice; so it is a conflict.
//   - a create that was not sent takes in the sets that directly follow it, and stands where it stood, since others may
//     refer to the entity. It has the last one's id.
//   - a delete swallows the updates before it, and expects what they expected. With a create none of which was sent,
//     nothing is left. A delete that expects the last of those updates would pass if that one does: so it expects
//     that one's field to be as that one expected it.
//   - other ops on a field (list operations) keep their place among the ops on it, updates of no one field theirs
//     among all of their entity.
//   - an op that was sent stays as it was or goes; ops of a mutation of several stay, and nothing of their entity is
//     squashed across them.
//   - ops that expect different things of a field, other than each other, stay apart: the client had seen
//     something new.
//
// Entities may refer to each other. So no set goes before the creation of an entity that its value may name, nothing is
// squashed across the deletion of another entity, which may depend on it, and an entity that others may name in
// between is created and deleted. What else rows have to do with each other is not known here: where a unique value
// wanders from row to row, an op may be refused that would not have been.
//
// `pause` is called now and then, and may end it by an exception: queues are as long as clients write them.
std::vector<SquashedOp> Squash(std::span<const QueuedOp> ops, void (*pause)() = nullptr);

} // namespace txsync::core
