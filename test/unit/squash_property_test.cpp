#include "core/squash.h"

#include <gtest/gtest.h>

#include "unit/model_server.h"

namespace txsync::test {
namespace {

constexpr uint64_t kPrograms = 2000;

TEST(SquashProperty, LeavesWhatTheOpsWouldLeave)
{
	size_t before = 0;
	size_t after = 0;
	for (uint64_t seed = 0; seed < kPrograms; seed++) {
		Program program = RandomProgram(seed);
		std::vector<ClientOp> squashed = Squashed(program.ops);
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
TEST(SquashProperty, InPieces)
{
	for (uint64_t seed = 0; seed < kPrograms; seed++) {
		Program program = RandomProgram(seed);
		Random random(seed);
		auto cut = static_cast<ptrdiff_t>(AnyEnd(random, program.ops, program.ops.size()));
		std::vector<ClientOp> queue = Squashed({program.ops.begin(), program.ops.begin() + cut});
		queue.insert(queue.end(), program.ops.begin() + cut, program.ops.end());
		std::vector<ClientOp> squashed = Squashed(queue);
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
IsOnTheWay(const Server::Entities &squashed, Server server, const std::vector<ClientOp> &ops)
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
		std::vector<ClientOp> mutation;
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
OnlyVersionsDecide(const std::vector<ClientOp> &ops)
{
	std::set<std::string> deleted;
	for (const ClientOp &op : ops) {
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
		Random random(seed);
		for (const auto &[entity, data] : program.server.Content()) {
			std::string field = Fields()[random.Below(4)];
			if (random.Below(2) == 0) {
				ClientOp op = Set("other" + entity, entity, field, "7", program.server.VersionOf(entity, field));
				ASSERT_EQ(program.server.Apply({op}), 0);
			}
		}
		std::vector<ClientOp> squashed = Squashed(program.ops);
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
} // namespace txsync::test
