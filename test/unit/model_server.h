#pragma once
// A server and its clients in memory, by the rules that a squashed queue must keep.

#include "core/advance.h"
#include "core/conflict.h"
#include "unit/client_ops.h"
#include "unit/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace txsync::test {

// A server as the rule has it: an id once, versions, and nobody refers to what is not there.
class Server
{
public:
	using Entities = std::map<std::string, Data>;

	// Ops with one id that follow each other are one mutation. How many mutations came to nothing.
	int
	Apply(const std::vector<ClientOp> &ops)
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
		core::Versions versions = core::Versions::Parse(rows_.at(entity).versions).value();
		if (!field)
			return versions.Last();
		auto version = versions.Find(Number(*field));
		return version ? version->id : versions.Creator();
	}

	bool
	WasUpdated(const std::string &entity, const std::string &field) const
	{
		return core::Versions::Parse(rows_.at(entity).versions).value().Find(Number(field)).has_value();
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
	Mutate(const std::vector<ClientOp> &ops)
	{
		if (done_.contains(ops.front().id))
			return true;
		Server before = *this;
		if (std::all_of(ops.begin(), ops.end(), [this](const ClientOp &op) { return Do(op); })) {
			done_.insert(ops.front().id);
			return true;
		}
		*this = before;
		return false;
	}

	bool
	Do(const ClientOp &op)
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
	DoCreate(const ClientOp &op)
	{
		core::Buffer versions;
		core::WriteFresh(versions, 1, op.id, {});
		return rows_.emplace(op.entity, Row{op.data, std::string(versions.View())}).second &&
			   RefersToSomething(op.data);
	}

	bool
	DoUpdate(const ClientOp &op, Row &row)
	{
		Data changes = op.data;
		if (op.field)
			changes[*op.field] = Changed(op, row.data[*op.field]);
		std::vector<uint32_t> numbers;
		for (const auto &[field, value] : changes) {
			row.data[field] = value;
			numbers.push_back(Number(field));
		}
		core::Buffer next;
		core::Advance(next, core::Versions::Parse(row.versions).value(), {op.id, {}, numbers}, {});
		row.versions = next.View();
		return RefersToSomething(row.data);
	}

	static std::string
	Changed(const ClientOp &op, const std::string &old)
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
	IsConflict(const ClientOp &op, const Row &row)
	{
		core::Versions versions = core::Versions::Parse(row.versions).value();
		std::vector<std::string_view> replaces(op.replaces.begin(), op.replaces.end());
		bool is_delete = op.action == Action::kDelete;
		const auto &field = is_delete ? op.expected_field : op.field;
		return core::Judge({&versions, {}},
						   {is_delete ? core::Attempt::Kind::kDelete : core::Attempt::Kind::kUpdate,
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
	std::vector<ClientOp>
	Work(int mutations)
	{
		std::vector<ClientOp> ops;
		for (int i = 0; i < mutations; i++) {
			std::string id = "tx" + std::to_string(++ids_);
			Server before = copy_;
			std::vector<ClientOp> mutation;
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
	static ClientOp
	Renamed(ClientOp op, const std::string &id)
	{
		op.id = id;
		return op;
	}

	bool
	Retake(const Server &before, const std::vector<ClientOp> &mutation)
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

	ClientOp
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

	ClientOp
	FieldOp(const std::string &id, const std::string &entity, const std::string &field)
	{
		auto expected = copy_.VersionOf(entity, field);
		if (!copy_.WasUpdated(entity, field) && random_.Below(2) == 0)
			expected.reset();
		ClientOp op = Set(id, entity, field, Value(field), expected);
		if (field == "n" && random_.Below(3) != 0)
			op.operation = Operation::kIncrement;
		if (field == "list" && random_.Below(2) != 0)
			op.operation = random_.Below(2) == 0 ? Operation::kListInsert : Operation::kListRemove;
		return op;
	}

	Random random_;
	Server copy_;
	uint64_t entities_;
	uint64_t fields_;
	int ids_ = 0;
};

// Where a mutation ends, somewhere in the queue.
inline size_t
AnyEnd(Random &random, const std::vector<ClientOp> &ops, size_t most)
{
	size_t end = random.Below(most + 1);
	while (end > 0 && end < ops.size() && ops[end].id == ops[end - 1].id)
		end--;
	return end;
}

struct Program
{
	Server server; // some of what was sent came
	std::vector<ClientOp> ops;
};

inline Program
RandomProgram(uint64_t seed)
{
	Random random(seed);
	Program program;
	std::vector<ClientOp> setup = Client(~seed, Server()).Work(static_cast<int>(random.Below(15)));
	for (ClientOp &op : setup) {
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
		std::vector<ClientOp> first(program.ops.begin(), program.ops.begin() + static_cast<ptrdiff_t>(came));
		EXPECT_EQ(program.server.Apply(first), 0);
	}
	return program;
}

} // namespace txsync::test
