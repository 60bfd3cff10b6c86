#include "core/squash.h"

#include "core/conflict.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "unit/random.h"

namespace txsync::core {
namespace {

using Action = QueuedOp::Action;
using Operation = QueuedOp::Operation;
using Data = std::map<std::string, std::string>; // values are JSON, as far as it matters

const std::vector<std::string> &
Fields()
{
	static const auto *const fields = new std::vector<std::string>{"n", "a", "list", "b", "ref"};
	return *fields;
}

// An op that owns its texts.
struct Op
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

	bool operator==(const Op &) const = default;
};

void
PrintTo(const Op &op, std::ostream *out)
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

std::string_view
ViewOf(const std::optional<std::string> &text)
{
	return text ? std::string_view(*text) : std::string_view();
}

std::string
Content(const Op &op)
{
	std::string content = op.value;
	for (const auto &[field, value] : op.data)
		content += '"' + field + "\":" + value + ',';
	return content;
}

// What a binding makes of a result.
Op
Made(const std::vector<Op> &ops, const SquashedOp &squashed)
{
	Op op = ops[squashed.base];
	op.id = ops[squashed.id].id;
	const Op &expected = ops[squashed.expected];
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

std::vector<Op>
Squashed(const std::vector<Op> &ops)
{
	std::vector<QueuedOp> queued;
	std::vector<std::string> contents;
	std::vector<std::vector<std::string_view>> replaces;
	contents.reserve(ops.size());
	replaces.reserve(ops.size());
	for (const Op &op : ops) {
		contents.push_back(Content(op));
		replaces.emplace_back(op.replaces.begin(), op.replaces.end());
		queued.push_back({op.id, "things", op.entity, op.action, op.operation, ViewOf(op.field), ViewOf(op.expected),
						  replaces.back(), contents.back(), op.sent, op.bound});
	}
	std::vector<Op> results;
	for (const SquashedOp &squashed : Squash(queued))
		results.push_back(Made(ops, squashed));
	return results;
}

Op
Create(std::string id, std::string entity, Data data = {})
{
	return {.id = id, .entity = entity, .action = Action::kCreate, .data = data};
}

Op
Set(std::string id, std::string entity, std::string field, std::string value, std::optional<std::string> expected = {})
{
	return {.id = id, .entity = entity, .field = field, .expected = expected, .value = value};
}

Op
As(Operation operation, Op op)
{
	op.operation = operation;
	return op;
}

Op
Increment(std::string id, std::string entity, std::string value, std::optional<std::string> expected = {})
{
	return As(Operation::kIncrement, Set(id, entity, "n", value, expected));
}

Op
Delete(std::string id, std::string entity, std::optional<std::string> expected = {})
{
	return {.id = id, .entity = entity, .action = Action::kDelete, .expected = expected};
}

Op
Sent(Op op)
{
	op.sent = true;
	return op;
}

Op
Bound(Op op)
{
	op.bound = true;
	return op;
}

Op
Replacing(std::vector<std::string> ids, Op op)
{
	op.replaces = ids;
	return op;
}

Op
OfField(std::string field, Op op)
{
	op.expected_field = field;
	return op;
}

TEST(Squash, Sets)
{
	EXPECT_EQ(Squashed({}), std::vector<Op>{});
	EXPECT_EQ(Squashed({Set("1", "x", "a", "A", "v"), Set("2", "x", "a", "B", "1"), Set("3", "x", "a", "C", "2")}),
			  std::vector{Replacing({"1", "2"}, Set("3", "x", "a", "C", "v"))});
	// Whatever the later ones expected, as long as it is nothing newer.
	EXPECT_EQ(Squashed({Set("1", "x", "a", "A", "v"), Set("2", "x", "a", "B", "v"), Set("3", "x", "a", "C")}),
			  std::vector{Replacing({"1", "2"}, Set("3", "x", "a", "C", "v"))});
	std::vector rebased{Set("1", "x", "a", "A", "v"), Set("2", "x", "a", "B", "w")};
	EXPECT_EQ(Squashed(rebased), rebased);
	// Fields and entities stay apart, and each result stands where the last of its ops stood.
	EXPECT_EQ(
		Squashed(
			{Set("1", "x", "a", "A"), Set("2", "x", "b", "B"), Set("3", "y", "a", "C"), Set("4", "x", "a", "D", "1")}),
		(std::vector{Set("2", "x", "b", "B"), Set("3", "y", "a", "C"), Replacing({"1"}, Set("4", "x", "a", "D"))}));
	// What was sent goes as well, and what was squashed before tells what it replaced.
	EXPECT_EQ(Squashed({Sent(Replacing({"0"}, Set("1", "x", "a", "A", "v"))), Set("2", "x", "a", "B", "0")}),
			  std::vector{Replacing({"0", "1"}, Set("2", "x", "a", "B", "v"))});
	// But it does not take in others: the server may know it as it was.
	std::vector sent{Sent(Set("1", "x", "a", "A", "v")), Sent(Set("2", "x", "a", "B", "1"))};
	EXPECT_EQ(Squashed(sent), sent);
	EXPECT_EQ(Squashed({sent[0], sent[1], Set("3", "x", "a", "C", "2")}),
			  std::vector{Replacing({"1", "2"}, Set("3", "x", "a", "C", "v"))});
	EXPECT_EQ(Squashed({Set("1", "x", "a", "A", "v"), As(Operation::kSetNow, Set("2", "x", "a", "", "1"))}),
			  std::vector{Replacing({"1"}, As(Operation::kSetNow, Set("2", "x", "a", "", "v")))});
	// Texts of one id.
	EXPECT_EQ(Squashed({Set("1.0001.n", "x", "a", "A", "v"), Set("2.0001.n", "x", "a", "B", "01.0001.n")}),
			  std::vector{Replacing({"1.0001.n"}, Set("2.0001.n", "x", "a", "B", "v"))});
}

TEST(Squash, Increments)
{
	EXPECT_EQ(Squashed({Increment("1", "x", "1", "v"), Increment("2", "x", "2", "1"), Increment("3", "x", "-7", "2")}),
			  std::vector{Increment("3", "x", "-4", "v")});
	EXPECT_EQ(Squashed({Increment("1", "x", "1", "v"), Increment("2", "x", "2", "1"), Set("3", "x", "n", "5", "2")}),
			  std::vector{Replacing({"1", "2"}, Set("3", "x", "n", "5", "v"))});
	EXPECT_EQ(Squashed({Set("1", "x", "n", "1", "v"), Set("2", "x", "n", "2", "1"), Increment("3", "x", "3", "2"),
						Increment("4", "x", "4", "3")}),
			  (std::vector{Replacing({"1"}, Set("2", "x", "n", "2", "v")), Increment("4", "x", "7", "2")}));
	EXPECT_EQ(Squashed({Set("1", "x", "n", "1", "v"), Increment("2", "x", "3", "1"), Set("3", "x", "n", "3", "2")}),
			  std::vector{Replacing({"1", "2"}, Set("3", "x", "n", "3", "v"))});
	// One that was sent must not count twice.
	EXPECT_EQ(
		Squashed({Sent(Increment("1", "x", "1", "v")), Increment("2", "x", "2", "1"), Increment("3", "x", "3", "2")}),
		(std::vector{Sent(Increment("1", "x", "1", "v")), Increment("3", "x", "5", "1")}));
	EXPECT_EQ(Squashed({Sent(Increment("1", "x", "1", "v")), Set("2", "x", "n", "2", "1")}),
			  std::vector{Replacing({"1"}, Set("2", "x", "n", "2", "v"))});
}

TEST(Squash, ListsStayInOrder)
{
	Op insert = As(Operation::kListInsert, Set("2", "x", "list", "i", "1"));
	Op remove = As(Operation::kListRemove, Set("3", "x", "list", "i", "2"));
	std::vector ops{Set("1", "x", "list", "l"), insert, remove, Set("4", "x", "list", "m", "3")};
	EXPECT_EQ(Squashed(ops), ops);
	EXPECT_EQ(Squashed({Set("0", "x", "a", "A"), insert, Set("5", "x", "a", "B", "0")}),
			  (std::vector{insert, Replacing({"0"}, Set("5", "x", "a", "B"))}));
}

TEST(Squash, CreateTakesInWhatFollows)
{
	EXPECT_EQ(Squashed({Create("1", "x", {{"a", "A"}}), Set("2", "x", "a", "B", "1"), Set("3", "x", "b", "C")}),
			  std::vector{Replacing({"1", "2"}, Create("3", "x", {{"a", "B"}, {"b", "C"}}))});
	// Where it stood; and who expected one of its ids finds the one that it has.
	EXPECT_EQ(Squashed({Create("1", "x"), Create("2", "y", {{"ref", "x"}}), Set("3", "x", "b", "C", "1"),
						Increment("4", "x", "1", "1")}),
			  (std::vector{Replacing({"1"}, Create("3", "x", {{"b", "C"}})), Create("2", "y", {{"ref", "x"}}),
						   Increment("4", "x", "1", "3")}));
	// Not what may name an entity that was not there yet, nor what follows something else.
	std::vector names{Create("1", "x"), Create("2", "y", {{"ref", "x"}}), Set("3", "x", "ref", "\"y\"", "1")};
	EXPECT_EQ(Squashed(names), names);
	std::vector behind{Create("1", "x"), Increment("2", "x", "1", "1"), Set("3", "x", "a", "A", "1")};
	EXPECT_EQ(Squashed(behind), behind);
	std::vector sent{Sent(Create("1", "x")), Set("2", "x", "a", "A", "1")};
	EXPECT_EQ(Squashed(sent), sent);
	std::vector other{Create("1", "x"), Set("2", "x", "a", "A", "v")};
	EXPECT_EQ(Squashed(other), other);
}

TEST(Squash, CreateAndDeleteLeaveNothing)
{
	EXPECT_EQ(
		Squashed({Create("1", "x"), Set("2", "x", "a", "A", "1"), Increment("3", "x", "1"), Delete("4", "x", "3")}),
		std::vector<Op>{});
	EXPECT_EQ(Squashed({Delete("0", "x", "v"), Create("1", "x"), Delete("2", "x", "1")}),
			  std::vector{Delete("0", "x", "v")});
	// Unless the create was sent, or somebody may have referred to it.
	EXPECT_EQ(Squashed({Sent(Create("1", "x")), Delete("2", "x", "1")}),
			  (std::vector{Sent(Create("1", "x")), Delete("2", "x", "1")}));
	EXPECT_EQ(Squashed({Sent(Create("1", "x")), Set("2", "x", "a", "A", "1"), Delete("3", "x", "2")}),
			  (std::vector{Sent(Create("1", "x")), Replacing({"2"}, OfField("a", Delete("3", "x", "1")))}));
	std::vector named{Create("1", "x"), Set("2", "y", "ref", "\"x\"", "v"), Set("3", "y", "b", "\"x\"", "v"),
					  Delete("4", "x", "1")};
	EXPECT_EQ(Squashed(named), named);
}

TEST(Squash, DeleteSwallowsUpdates)
{
	EXPECT_EQ(Squashed({Set("1", "x", "a", "A", "v"), Delete("2", "x", "1")}),
			  std::vector{Replacing({"1"}, OfField("a", Delete("2", "x", "v")))});
	EXPECT_EQ(Squashed({Set("1", "x", "a", "A", "v"), Set("2", "x", "b", "B", "w"), Set("3", "x", "b", "C", "2"),
						Delete("4", "x", "3")}),
			  std::vector{Replacing({"1", "2", "3"}, OfField("b", Delete("4", "x", "w")))});
	// It knew the server's last id.
	EXPECT_EQ(Squashed({Set("1", "x", "a", "A", "v"), Delete("2", "x", "v")}), std::vector{Delete("2", "x", "v")});
	// Through list operations and updates of no one field.
	Op insert = As(Operation::kListInsert, Set("1", "x", "list", "i", "v"));
	EXPECT_EQ(Squashed({insert, Set("2", "x", "list", "l", "1"), Delete("3", "x", "2")}),
			  std::vector{Replacing({"1", "2"}, OfField("list", Delete("3", "x", "v")))});
	Op whole{.id = "2", .entity = "x", .expected = "1", .data = {{"a", "B"}}};
	EXPECT_EQ(Squashed({Set("1", "x", "b", "A", "v"), whole, Set("3", "x", "a", "C", "2"), Delete("4", "x", "3")}),
			  std::vector{Replacing({"1", "2", "3"}, OfField("b", Delete("4", "x", "v")))});
	whole.expected = "u";
	EXPECT_EQ(Squashed({whole, Set("3", "x", "a", "C", "2"), Delete("4", "x", "3")}),
			  std::vector{Replacing({"2", "3"}, Delete("4", "x", "u"))});
	// What was sent stays as it was.
	std::vector sent{Sent(Set("1", "x", "a", "A", "v")), Sent(Delete("2", "x", "1"))};
	EXPECT_EQ(Squashed(sent), sent);
}

TEST(Squash, NothingGoesAcrossTheDeletionOfOthers)
{
	std::vector ops{Set("1", "x", "ref", "null", "v"), Delete("2", "y", "w"), Set("3", "x", "ref", "\"z\"", "1")};
	EXPECT_EQ(Squashed(ops), ops);
	EXPECT_EQ(Squashed({ops[0], ops[1], ops[2], Delete("4", "x", "3")}),
			  (std::vector{ops[0], ops[1], Replacing({"3"}, OfField("ref", Delete("4", "x", "1")))}));
}

TEST(Squash, MutationsOfSeveralOpsStay)
{
	std::vector ops{Set("1", "x", "a", "A", "v"),
					Set("2", "x", "a", "B", "1"),
					Set("2", "y", "a", "C", "w"),
					Set("3", "x", "a", "D", "2"),
					Set("4", "x", "a", "E", "3"),
					Create("5", "z"),
					Create("5", "z2"),
					Set("6", "z", "a", "A", "5"),
					Delete("7", "z", "6")};
	EXPECT_EQ(Squashed(ops), (std::vector{ops[0], ops[1], ops[2], Replacing({"3"}, Set("4", "x", "a", "E", "2")),
										  ops[5], ops[6], Replacing({"6"}, OfField("a", Delete("7", "z", "5")))}));
}

TEST(Squash, BoundEntitiesStay)
{
	std::vector ops{Set("1", "x", "a", "A"), Set("2", "x", "a", "B", "1"), Bound(Set("3", "x", "b", "C")),
					Set("4", "x", "a", "D", "2"), Delete("5", "x", "4")};
	EXPECT_EQ(Squashed(ops), ops);
}

// A server as the rule has it: an id once, versions, and nobody refers to what is not there.
class Server
{
public:
	using Entities = std::map<std::string, Data>;

	// Ops with one id that follow each other are one mutation. How many mutations came to nothing.
	int
	Apply(const std::vector<Op> &ops)
	{
		int refused = 0;
		for (size_t i = 0; i < ops.size();) {
			size_t end = i + 1;
			while (end < ops.size() && ops[end].id == ops[i].id)
				end++;
			refused += !Mutate({ops.begin() + static_cast<ptrdiff_t>(i), ops.begin() + static_cast<ptrdiff_t>(end)});
			i = end;
		}
		return refused;
	}

	Entities
	Content() const
	{
		Entities entities;
		for (const auto &[id, row] : rows_)
			entities[id] = row.data;
		return entities;
	}

	// What a client that knows all would expect of a field, or of the entity.
	std::optional<std::string>
	VersionOf(const std::string &entity, const std::optional<std::string> &field) const
	{
		Versions versions = Versions::Parse(rows_.at(entity).versions).value();
		if (!field)
			return versions.Last();
		auto version = versions.Find(Number(*field));
		return version ? version->id : versions.Creator();
	}

	bool
	WasUpdated(const std::string &entity, const std::string &field) const
	{
		return Versions::Parse(rows_.at(entity).versions).value().Find(Number(field)).has_value();
	}

private:
	struct Row
	{
		Data data;
		std::string versions;
	};

	static uint32_t
	Number(const std::string &field)
	{
		return static_cast<uint32_t>(std::find(Fields().begin(), Fields().end(), field) - Fields().begin());
	}

	// True also if it was done before.
	bool
	Mutate(const std::vector<Op> &ops)
	{
		if (done_.contains(ops.front().id))
			return true;
		Server before = *this;
		if (std::all_of(ops.begin(), ops.end(), [this](const Op &op) { return Do(op); })) {
			done_.insert(ops.front().id);
			return true;
		}
		*this = before;
		return false;
	}

	bool
	Do(const Op &op)
	{
		if (op.action == Action::kCreate)
			return DoCreate(op);
		auto row = rows_.find(op.entity);
		if (row == rows_.end() || IsConflict(op, row->second))
			return false;
		if (op.action == Action::kDelete) {
			rows_.erase(row);
			return std::none_of(rows_.begin(), rows_.end(),
								[&](const auto &other) { return Target(other.second.data) == op.entity; });
		}
		return DoUpdate(op, row->second);
	}

	bool
	DoCreate(const Op &op)
	{
		Buffer versions;
		WriteFresh(versions, 1, op.id, {});
		return rows_.emplace(op.entity, Row{op.data, std::string(versions.View())}).second &&
			   RefersToSomething(op.data);
	}

	bool
	DoUpdate(const Op &op, Row &row)
	{
		Data changes = op.data;
		if (op.field)
			changes[*op.field] = Changed(op, row.data[*op.field]);
		std::vector<uint32_t> numbers;
		for (const auto &[field, value] : changes) {
			row.data[field] = value;
			numbers.push_back(Number(field));
		}
		Buffer next;
		Advance(next, Versions::Parse(row.versions).value(), {op.id, {}, numbers}, {});
		row.versions = next.View();
		return RefersToSomething(row.data);
	}

	static std::string
	Changed(const Op &op, const std::string &old)
	{
		switch (op.operation) {
		case Operation::kIncrement:
			return std::to_string((old.empty() ? 0 : std::stoi(old)) + std::stoi(op.value));
		case Operation::kListInsert:
			return op.value + old;
		case Operation::kListRemove:
			return old.substr(std::min<size_t>(old.size(), 1));
		default:
			return op.value;
		}
	}

	static bool
	IsConflict(const Op &op, const Row &row)
	{
		Versions versions = Versions::Parse(row.versions).value();
		std::vector<std::string_view> replaces(op.replaces.begin(), op.replaces.end());
		bool is_delete = op.action == Action::kDelete;
		const auto &field = is_delete ? op.expected_field : op.field;
		return Judge({&versions, {}},
					 {is_delete ? Attempt::Kind::kDelete : Attempt::Kind::kUpdate,
					  field ? std::optional(Number(*field)) : std::nullopt, ViewOf(op.expected), replaces})
			.conflict;
	}

	static std::string
	Target(const Data &data)
	{
		auto ref = data.find("ref");
		return ref == data.end() ? std::string() : ref->second;
	}

	bool
	RefersToSomething(const Data &data) const
	{
		std::string target = Target(data);
		return target.empty() || rows_.contains(target);
	}

	std::map<std::string, Row> rows_;
	std::set<std::string> done_;
};

// A client that works on a copy of what the server has.
class Client
{
public:
	Client(uint64_t seed, const Server &copy)
		: random_(seed)
		, copy_(copy)
		, entities_(1 + random_.Below(5))
		, fields_(1 + random_.Below(Fields().size()))
	{}

	// Random mutations that the copy took.
	std::vector<Op>
	Work(int mutations)
	{
		std::vector<Op> ops;
		for (int i = 0; i < mutations; i++) {
			std::string id = "tx" + std::to_string(++ids_);
			Server before = copy_;
			std::vector<Op> mutation;
			bool took = true;
			for (uint64_t left = random_.Below(12) == 0 ? 2 : 1; took && left > 0; left--) {
				mutation.push_back(RandomOp(id));
				Server next = copy_;
				took = next.Apply({Renamed(mutation.back(), id + "#" + std::to_string(left))}) == 0;
				if (took)
					took = Retake(before, mutation);
			}
			if (took)
				ops.insert(ops.end(), mutation.begin(), mutation.end());
			else
				copy_ = before;
		}
		return ops;
	}

private:
	static Op
	Renamed(Op op, const std::string &id)
	{
		op.id = id;
		return op;
	}

	bool
	Retake(const Server &before, const std::vector<Op> &mutation)
	{
		copy_ = before;
		return copy_.Apply(mutation) == 0;
	}

	std::string
	AnyEntity()
	{
		return std::string(1, "PQRST"[random_.Below(entities_)]);
	}

	std::string
	Value(const std::string &field)
	{
		if (field == "ref")
			return random_.Below(3) == 0 ? std::string() : AnyEntity();
		if (field == "n")
			return std::to_string(random_.Below(100));
		return random_.Text(3, "abcdefgh");
	}

	Op
	RandomOp(const std::string &id)
	{
		std::string entity = AnyEntity();
		if (!copy_.Content().contains(entity)) {
			Data data;
			for (const std::string &field : Fields()) {
				if (random_.Below(3) == 0)
					data[field] = Value(field);
			}
			return Create(id, entity, data);
		}
		switch (random_.Below(12)) {
		case 0:
			return Delete(id, entity, copy_.VersionOf(entity, {}));
		case 1:
			return {.id = id,
					.entity = entity,
					.expected = copy_.VersionOf(entity, {}),
					.data = {{"a", Value("a")}, {"n", Value("n")}}};
		default:
			return FieldOp(id, entity, Fields()[random_.Below(fields_)]);
		}
	}

	Op
	FieldOp(const std::string &id, const std::string &entity, const std::string &field)
	{
		auto expected = copy_.VersionOf(entity, field);
		if (!copy_.WasUpdated(entity, field) && random_.Below(2) == 0)
			expected.reset();
		Op op = Set(id, entity, field, Value(field), expected);
		if (field == "n" && random_.Below(3) != 0)
			op.operation = Operation::kIncrement;
		if (field == "list" && random_.Below(2) != 0)
			op.operation = random_.Below(2) == 0 ? Operation::kListInsert : Operation::kListRemove;
		return op;
	}

	test::Random random_;
	Server copy_;
	uint64_t entities_;
	uint64_t fields_;
	int ids_ = 0;
};

// Where a mutation ends, somewhere in the queue.
size_t
AnyEnd(test::Random &random, const std::vector<Op> &ops, size_t most)
{
	size_t end = random.Below(most + 1);
	while (end > 0 && end < ops.size() && ops[end].id == ops[end - 1].id)
		end--;
	return end;
}

struct Program
{
	Server server; // some of what was sent came
	std::vector<Op> ops;
};

Program
RandomProgram(uint64_t seed)
{
	test::Random random(seed);
	Program program;
	std::vector<Op> setup = Client(~seed, Server()).Work(static_cast<int>(random.Below(15)));
	for (Op &op : setup) {
		op.id = "setup" + op.id;
		if (op.expected)
			op.expected = "setup" + *op.expected;
	}
	EXPECT_EQ(program.server.Apply(setup), 0);
	program.ops = Client(seed, program.server).Work(static_cast<int>(1 + random.Below(25)));
	if (random.Below(2) == 0) {
		size_t sent = AnyEnd(random, program.ops, program.ops.size());
		size_t came = AnyEnd(random, program.ops, sent);
		for (size_t i = 0; i < sent; i++)
			program.ops[i].sent = true;
		std::vector<Op> first(program.ops.begin(), program.ops.begin() + static_cast<ptrdiff_t>(came));
		EXPECT_EQ(program.server.Apply(first), 0);
	}
	return program;
}

constexpr uint64_t kPrograms = 2000;

TEST(SquashProperty, LeavesWhatTheOpsWouldLeave)
{
	size_t before = 0;
	size_t after = 0;
	for (uint64_t seed = 0; seed < kPrograms; seed++) {
		Program program = RandomProgram(seed);
		std::vector<Op> squashed = Squashed(program.ops);
		Server one = program.server;
		Server other = program.server;
		ASSERT_EQ(one.Apply(program.ops), 0) << seed;
		ASSERT_EQ(other.Apply(squashed), 0)
			<< seed << testing::PrintToString(program.ops) << testing::PrintToString(squashed);
		ASSERT_EQ(one.Content(), other.Content())
			<< seed << testing::PrintToString(program.ops) << testing::PrintToString(squashed);
		ASSERT_LE(squashed.size(), program.ops.size());
		before += program.ops.size();
		after += squashed.size();
	}
	EXPECT_LT(after, before * 4 / 5);
}

// Squashing what was squashed, and what was queued since.
// A client that was away for long. Quadratic, each of these would take minutes.
TEST(Squash, LongQueues)
{
	constexpr size_t kOps = 50000;
	std::vector<std::string> ids;
	for (size_t i = 0; i <= kOps; i++)
		ids.push_back("id" + std::to_string(i));
	struct
	{
		const char *what;
		Operation operation;
		bool sent;
		bool create;
		size_t left;
	} const cases[] = {
		{"sets", Operation::kSet, false, false, 1},
		{"sets that were sent, and one more", Operation::kSet, true, false, 1},
		{"increments", Operation::kIncrement, false, false, 1},
		{"items of a list", Operation::kListInsert, false, false, kOps + 1},
		{"sets behind a create", Operation::kSet, false, true, 1},
	};
	for (const auto &c : cases) {
		std::vector<QueuedOp> ops;
		for (size_t i = 0; i <= kOps; i++) {
			QueuedOp op{ids[i], "things", "e", Action::kUpdate, c.operation, "f"};
			if (i == 0 && c.create)
				op = {ids[i], "things", "e", Action::kCreate};
			if (i > 0)
				op.expected = ids[i - 1];
			op.sent = c.sent && i < kOps;
			ops.push_back(op);
		}
		EXPECT_EQ(Squash(ops).size(), c.left) << c.what;
	}
}

TEST(Squash, IsEndedFromOutside)
{
	struct Ended
	{};
	const std::vector<QueuedOp> ops{{"1", "things", "e", Action::kDelete}, {"2", "things", "e", Action::kDelete}};
	EXPECT_THROW(Squash(ops, [] { throw Ended(); }), Ended);
}

TEST(SquashProperty, InPieces)
{
	for (uint64_t seed = 0; seed < kPrograms; seed++) {
		Program program = RandomProgram(seed);
		test::Random random(seed);
		auto cut = static_cast<ptrdiff_t>(AnyEnd(random, program.ops, program.ops.size()));
		std::vector<Op> queue = Squashed({program.ops.begin(), program.ops.begin() + cut});
		queue.insert(queue.end(), program.ops.begin() + cut, program.ops.end());
		std::vector<Op> squashed = Squashed(queue);
		Server one = program.server;
		Server other = program.server;
		ASSERT_EQ(one.Apply(program.ops), 0);
		ASSERT_EQ(other.Apply(squashed), 0) << seed << testing::PrintToString(program.ops)
											<< testing::PrintToString(queue) << testing::PrintToString(squashed);
		ASSERT_EQ(one.Content(), other.Content()) << seed;
		Server third = program.server;
		ASSERT_EQ(third.Apply(Squashed(squashed)), 0) << seed;
		ASSERT_EQ(one.Content(), third.Content()) << seed;
	}
}

std::optional<std::string>
ValueOf(const Server::Entities &entities, const std::string &entity, const std::string &field)
{
	auto data = entities.find(entity);
	if (data == entities.end())
		return std::nullopt;
	auto value = data->second.find(field);
	return value == data->second.end() ? std::string() : value->second;
}

// Whether each value is one that was there at some time while the ops were applied.
bool
IsOnTheWay(const Server::Entities &squashed, Server server, const std::vector<Op> &ops)
{
	std::map<std::pair<std::string, std::string>, std::set<std::optional<std::string>>> seen;
	auto look = [&](const auto &visit) {
		for (const char *entity : {"P", "Q", "R", "S", "T"}) {
			for (const std::string &field : Fields())
				visit(seen[{entity, field}], entity, field);
		}
	};
	auto remember = [&](auto &values, const std::string &entity, const std::string &field) {
		values.insert(ValueOf(server.Content(), entity, field));
	};
	look(remember);
	for (size_t i = 0; i < ops.size();) {
		std::vector<Op> mutation;
		for (const std::string &id = ops[i].id; i < ops.size() && ops[i].id == id; i++)
			mutation.push_back(ops[i]);
		server.Apply(mutation);
		look(remember);
	}
	bool found = true;
	look([&](const auto &values, const std::string &entity, const std::string &field) {
		found = found && values.contains(ValueOf(squashed, entity, field));
	});
	return found;
}

// Whether versions alone decide: nobody refers to others, and null is not expected of an entity's second life, which
// would be right for its first as well.
bool
OnlyVersionsDecide(const std::vector<Op> &ops)
{
	std::set<std::string> deleted;
	for (const Op &op : ops) {
		if (op.field == "ref" || op.data.contains("ref"))
			return false;
		if (op.action == Action::kDelete)
			deleted.insert(op.entity);
		if (op.action == Action::kCreate && deleted.contains(op.entity))
			return false;
	}
	return true;
}

TEST(SquashProperty, NothingIsLostToSomebodyElse)
{
	int conflicts = 0;
	int differ = 0;
	for (uint64_t seed = 0; seed < kPrograms; seed++) {
		Program program = RandomProgram(seed);
		if (!OnlyVersionsDecide(program.ops))
			continue;
		test::Random random(seed);
		for (const auto &[entity, data] : program.server.Content()) {
			std::string field = Fields()[random.Below(4)];
			if (random.Below(2) == 0) {
				Op op = Set("other" + entity, entity, field, "7", program.server.VersionOf(entity, field));
				ASSERT_EQ(program.server.Apply({op}), 0);
			}
		}
		std::vector<Op> squashed = Squashed(program.ops);
		Server one = program.server;
		Server other = program.server;
		conflicts += one.Apply(program.ops) > 0;
		other.Apply(squashed);
		differ += one.Content() != other.Content();
		ASSERT_TRUE(IsOnTheWay(other.Content(), program.server, program.ops))
			<< seed << testing::PrintToString(program.ops) << testing::PrintToString(squashed)
			<< testing::PrintToString(program.server.Content()) << testing::PrintToString(one.Content())
			<< testing::PrintToString(other.Content());
	}
	EXPECT_GT(conflicts, 100);
	EXPECT_LT(differ, conflicts / 10);
}

} // namespace
} // namespace txsync::core
