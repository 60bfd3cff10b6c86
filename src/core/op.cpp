#include "core/op.h"

#include "core/numeric.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

using Kind = JsonbEntry::Kind;

constexpr std::array<std::string_view, 3> kActions{"create", "update", "delete"};
constexpr std::array<std::string_view, 5> kOperations{"set", "setNow", "increment", "listInsert", "listRemove"};
constexpr std::array<std::string_view, 4> kPlaces{"prepend", "append", "before", "after"};

// The members of an object that are looked for, each as it stands there: kDamaged where it has none.
enum Member : size_t
{
	kTransactionId,
	kSourceId,
	kEntityType,
	kEntityId,
	kAction,
	kChangedField,
	kOperation,
	kValue,
	kData,
	kExpectedTransactionId,
	kExpectedField,
	kExpectedVersion,
	kStreamOffset,
	kReplaces,
	kMembers,
};

constexpr std::array<std::string_view, kMembers> kNames{
	"transactionId", "sourceId",        "entityType",   "entityId", "action",
	"changedField",  "operation",       "value",        "data",     "expectedTransactionId",
	"expectedField", "expectedVersion", "streamOffset", "replaces",
};

enum ListMember : size_t
{
	kItem,
	kPlace,
	kAnchor,
	kListMembers,
};

constexpr std::array<std::string_view, kListMembers> kListNames{"item", "place", "anchor"};

template <size_t n>
std::array<JsonbEntry, n>
Collect(const JsonbContainer &object, const std::array<std::string_view, n> &names)
{
	std::array<JsonbEntry, n> found;
	for (const JsonbContainer::Member &member : object.Members()) {
		auto name = std::find(names.begin(), names.end(), member.name);
		if (name != names.end())
			found[static_cast<size_t>(name - names.begin())] = member.value;
	}
	return found;
}

bool
IsThere(const JsonbEntry &entry)
{
	return entry.kind != Kind::kDamaged && entry.kind != Kind::kNull;
}

// The number of the word among `words`, or nothing.
template <class Word, size_t n>
bool
ReadWord(const JsonbEntry &entry, const std::array<std::string_view, n> &words, Word &word)
{
	auto found = entry.kind == Kind::kString ? std::find(words.begin(), words.end(), entry.bytes) : words.end();
	if (found == words.end())
		return false;
	word = static_cast<Word>(found - words.begin());
	return true;
}

bool
ReadInteger(const JsonbEntry &entry, std::optional<int64_t> &number)
{
	if (!IsThere(entry))
		return true;
	if (entry.kind != Kind::kNumeric || entry.bytes.size() < sizeof(uint32_t))
		return false;
	Buffer text;
	FormatNumeric(text, entry.bytes.substr(sizeof(uint32_t)));
	const char *end = text.View().data() + text.Size();
	int64_t value = 0;
	auto [behind, error] = std::from_chars(text.View().data(), end, value);
	if (error != std::errc() || behind != end)
		return false;
	number = value;
	return true;
}

bool
IsTextOf(const JsonbEntry &entry, size_t least, size_t most)
{
	return entry.kind == Kind::kString && entry.bytes.size() >= least && entry.bytes.size() <= most;
}

// ---- Reading an op's parts in turn, up to the first that is wrong

class Reader
{
public:
	Reader(const JsonbContainer &object, Op &op)
		: members_(Collect(object, kNames))
		, op_(op)
	{}

	std::optional<OpDefect>
	Read()
	{
		Identity();
		Target();
		Content();
		Expectations();
		return defect_;
	}

private:
	// Notes what is wrong, if nothing was before.
	void
	Require(bool holds, Member member, const char *what)
	{
		if (!holds && !defect_)
			defect_ = OpDefect{kNames[member], what};
	}

	void
	Identity()
	{
		const JsonbEntry &id = members_[kTransactionId];
		if (id.kind == Kind::kString)
			op_.tx.transaction_id = id.bytes;
		Require(IsTextOf(id, 1, Tx::kMaxTransactionId), kTransactionId, "must be a text of 1 to 128 bytes");
		op_.tx.source_id = members_[kSourceId].bytes;
		Require(IsTextOf(members_[kSourceId], 1, Tx::kMaxSourceId), kSourceId, "must be a text of 1 to 64 bytes");
	}

	void
	Target()
	{
		op_.entity_type = members_[kEntityType].bytes;
		Require(IsTextOf(members_[kEntityType], 1, SIZE_MAX), kEntityType, "must be a text");
		op_.entity_id = members_[kEntityId].bytes;
		Require(IsTextOf(members_[kEntityId], 0, kMaxEntityId), kEntityId, "must be a text of at most 8000 bytes");
		Require(ReadWord(members_[kAction], kActions, op_.action), kAction, "must be create, update or delete");
	}

	void
	Content()
	{
		if (op_.action == OpAction::kUpdate)
			Update();
		if (op_.action == OpAction::kDelete && IsThere(members_[kExpectedField])) {
			op_.expected_field = members_[kExpectedField].bytes;
			Require(IsTextOf(members_[kExpectedField], 1, Tx::kMaxChangedField), kExpectedField,
					"must be a text of 1 to 64 bytes");
		}
		if (op_.action == OpAction::kCreate) {
			const JsonbEntry &data = members_[kData];
			op_.data = data.bytes;
			Require(data.kind == Kind::kContainer && JsonbContainer(data.bytes).IsObject(), kData, "must be an object");
		}
	}

	void
	Update()
	{
		const JsonbEntry &field = members_[kChangedField];
		op_.tx.changed_field = field.bytes;
		Require(!IsThere(members_[kData]), kData, "is a create's: an update has one field and its value");
		Require(IsTextOf(field, 1, Tx::kMaxChangedField), kChangedField, "must be a text of 1 to 64 bytes");
		bool known = !IsThere(members_[kOperation]) || ReadWord(members_[kOperation], kOperations, op_.operation);
		Require(known, kOperation, "must be set, setNow, increment, listInsert or listRemove");
		op_.value = members_[kValue];
		if (op_.operation == Operation::kSet)
			Require(op_.value.kind != Kind::kDamaged, kValue, "is missing");
		if (op_.operation == Operation::kIncrement)
			Require(op_.value.kind == Kind::kNumeric, kValue, "must be a number");
		if (op_.operation == Operation::kListInsert || op_.operation == Operation::kListRemove)
			List();
	}

	// `{"item": …, "place": "append", "anchor": …}`
	void
	List()
	{
		JsonbContainer list(op_.value.kind == Kind::kContainer ? op_.value.bytes : std::string_view());
		std::array<JsonbEntry, kListMembers> members;
		if (list.IsObject())
			members = Collect(list, kListNames);
		op_.value = members[kItem];
		op_.anchor = members[kAnchor];
		Require(IsThere(op_.value), kValue, "must be an object with an item");
		bool known = !IsThere(members[kPlace]) || ReadWord(members[kPlace], kPlaces, op_.place);
		Require(known, kValue, "has a place that is not prepend, append, before or after");
		bool beside = op_.place == Place::kBefore || op_.place == Place::kAfter;
		Require(!beside || IsThere(op_.anchor), kValue, "has no anchor, which before and after need");
	}

	void
	Expectations()
	{
		const JsonbEntry &expected = members_[kExpectedTransactionId];
		op_.expects = expected.kind != Kind::kDamaged;
		if (expected.kind == Kind::kString)
			op_.expected_transaction_id = expected.bytes;
		Require(!IsThere(expected) || expected.kind == Kind::kString, kExpectedTransactionId, "must be null or a text");
		Require(ReadInteger(members_[kExpectedVersion], op_.expected_version), kExpectedVersion, "must be an integer");
		Require(ReadInteger(members_[kStreamOffset], op_.stream_offset), kStreamOffset, "must be an integer");
		Replaces();
	}

	void
	Replaces()
	{
		if (!IsThere(members_[kReplaces]))
			return;
		auto ids = TextsOf(members_[kReplaces]);
		Require(ids.has_value(), kReplaces, "must be an array of texts");
		op_.replaces = std::move(ids).value_or(std::vector<std::string_view>());
	}

	std::array<JsonbEntry, kMembers> members_;
	Op &op_;
	std::optional<OpDefect> defect_;
};

} // namespace

std::optional<OpDefect>
ReadOp(const JsonbContainer &object, Op &op)
{
	return Reader(object, op).Read();
}

std::string_view
NameOf(OpAction action)
{
	return kActions[static_cast<size_t>(action)];
}

std::string_view
NameOf(Operation operation)
{
	return kOperations[static_cast<size_t>(operation)];
}

} // namespace txsync::core
