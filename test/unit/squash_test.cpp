#include "core/squash.h"

#include <gtest/gtest.h>

#include "unit/client_ops.h"

namespace txsync::test {
namespace {

TEST(Squash, Sets)
{
	EXPECT_EQ(Squashed({}), std::vector<ClientOp>{});
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
	ClientOp insert = As(Operation::kListInsert, Set("2", "x", "list", "i", "1"));
	ClientOp remove = As(Operation::kListRemove, Set("3", "x", "list", "i", "2"));
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
		std::vector<ClientOp>{});
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
	ClientOp insert = As(Operation::kListInsert, Set("1", "x", "list", "i", "v"));
	EXPECT_EQ(Squashed({insert, Set("2", "x", "list", "l", "1"), Delete("3", "x", "2")}),
			  std::vector{Replacing({"1", "2"}, OfField("list", Delete("3", "x", "v")))});
	ClientOp whole{.id = "2", .entity = "x", .expected = "1", .data = {{"a", "B"}}};
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
		EXPECT_EQ(core::Squash(ops).size(), c.left) << c.what;
	}
}

TEST(Squash, IsEndedFromOutside)
{
	struct Ended
	{};
	const std::vector<QueuedOp> ops{{"1", "things", "e", Action::kDelete}, {"2", "things", "e", Action::kDelete}};
	EXPECT_THROW(core::Squash(ops, [] { throw Ended(); }), Ended);
}

} // namespace
} // namespace txsync::test
