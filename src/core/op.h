#pragma once
// One write as clients queue it: `{"transactionId", "sourceId", "entityType", "entityId", "action", "changedField",
// "value" | "data", …}`. docs/reference.md lists the members.

#include "core/jsonb.h"
#include "core/tx.h"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace txsync::core {

enum class OpAction : uint8_t
{
	kCreate,
	kUpdate,
	kDelete,
};

// Longer ones are nobody's: no index would take them.
inline constexpr size_t kMaxEntityId = 8000;

// What an update makes of its field.
enum class Operation : uint8_t
{
	kSet,
	kSetNow,
	kIncrement,
	kListInsert,
	kListRemove,
};

// Where a list takes an item.
enum class Place : uint8_t
{
	kPrepend,
	kAppend,
	kBefore,
	kAfter,
};

// Views into the jsonb that it was read from. A text with data() == nullptr is null.
struct Op
{
	Tx tx; // the changed field only of an update
	std::string_view entity_type;
	std::string_view entity_id;
	std::string_view expected_field; // of a delete: what it expects is this field's version
	OpAction action = OpAction::kUpdate;
	Operation operation = Operation::kSet;
	JsonbEntry value; // what is set or added; of a list, the item
	Place place = Place::kAppend;
	JsonbEntry anchor;     // the item before or after which it goes; kDamaged: none
	std::string_view data; // of a create: an object, for JsonbContainer
	bool expects = false;  // whether it says which version it changes
	std::string_view expected_transaction_id;
	std::optional<int64_t> expected_version;
	std::optional<int64_t> stream_offset;
	std::vector<std::string_view> replaces; // own ids of which the client does not know whether they came
};

// What keeps an object from being an op.
struct OpDefect
{
	std::string_view member;
	const char *what;
};

// Members that an op does not have are passed over, and so are those that its action has no use for. Even of a
// defective op `op` then has the transactionId, if that is a text.
std::optional<OpDefect> ReadOp(const JsonbContainer &object, Op &op);

// The words that ops have for it.
std::string_view NameOf(OpAction action);
std::string_view NameOf(Operation operation);

} // namespace txsync::core
