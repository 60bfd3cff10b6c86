#include "core/conflict.h"

#include "core/advance.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace txsync::core {
namespace {

constexpr auto kUpdate = Attempt::Kind::kUpdate;
constexpr auto kDelete = Attempt::Kind::kDelete;
constexpr std::string_view kNull;
constexpr char kCreated[] = "1700000000000.0000.a";
constexpr uint32_t kUpdated = 1;
constexpr uint32_t kUpdatedFirst = 2;
constexpr uint32_t kUntouched = 3;

// Created, then kUpdatedFirst set by "first", then kUpdated by "last".
class Stored
{
public:
	explicit Stored(std::string_view creator)
	{
		Buffer fresh;
		WriteFresh(fresh, 1, creator, {});
		Buffer once;
		Advance(once, Versions::Parse(fresh.View()).value(), {"first", {1, 0}, {&kUpdatedFirst, 1}}, {9, 0});
		Advance(bytes_, Versions::Parse(once.View()).value(), {"last", {2, 0}, {&kUpdated, 1}}, {9, 0});
	}

	Versions
	View() const
	{
		return Versions::Parse(bytes_.View()).value();
	}

private:
	Buffer bytes_;
};

const Verdict kPass{false, ""};

TEST(Conflict, SameId)
{
	struct
	{
		std::string_view a, b;
		bool same;
	} const cases[] = {
		{"x", "x", true},
		{"x", "y", false},
		{"x", "", false},
		{"1.0001.n", "1.0001.n", true},
		{"1.0001.n", "001.0001.n", true},
		{"01.0001.n", "001.0001.n", true},
		{"1.0001.n", "1.0001.N", false},
		{"1.0001.n", "1.00001.n", false}, // no id of the clock
		{"1.0001.n", "1.0002.n", false},
		{"01", "1", false},
	};
	for (const auto &c : cases) {
		EXPECT_EQ(SameId(c.a, c.b), c.same) << c.a << ' ' << c.b;
		EXPECT_EQ(SameId(c.b, c.a), c.same) << c.a << ' ' << c.b;
	}
}

TEST(Conflict, OfAnEntityThatIsNotThere)
{
	const std::string_view replaces[] = {"gone"};
	for (std::string_view expected : {kNull, std::string_view("gone"), std::string_view("x")}) {
		for (Attempt attempt : {Attempt{kUpdate, kUpdated, expected, replaces}, Attempt{kUpdate, {}, expected, {}},
								Attempt{kDelete, {}, expected, {}}, Attempt{kDelete, kUpdated, expected, {}}}) {
			EXPECT_EQ(Judge({}, attempt), kPass);
			EXPECT_EQ(Judge({nullptr, "gone"}, attempt), (Verdict{true, "gone"}));
		}
	}
}

TEST(Conflict, OfAnEntity)
{
	Stored stored(kCreated);
	Versions versions = stored.View();
	struct
	{
		const char *why;
		Attempt attempt;
		Verdict verdict;
	} const cases[] = {
		{"the field's version", {kUpdate, kUpdated, "last"}, {false, "last"}},
		{"the field's version, though the row moved on", {kUpdate, kUpdatedFirst, "first"}, {false, "first"}},
		{"the row's last, but not the field's", {kUpdate, kUpdatedFirst, "last"}, {true, "first"}},
		{"an updated field, as if it was not", {kUpdate, kUpdated, kNull}, {true, "last"}},
		{"an updated field, as if it was not", {kUpdate, kUpdated, kCreated}, {true, "last"}},
		{"an updated field, by no id at all", {kUpdate, kUpdated, ""}, {true, "last"}},
		{"never updated", {kUpdate, kUntouched, kNull}, {false, kCreated}},
		{"never updated", {kUpdate, kUntouched, kCreated}, {false, kCreated}},
		{"never updated, leading zeros", {kUpdate, kUntouched, "001700000000000.0000.a"}, {false, kCreated}},
		{"never updated, another id", {kUpdate, kUntouched, "last"}, {true, kCreated}},
		{"a column without a number", {kUpdate, 0, kNull}, {false, kCreated}},
		{"an update of no one field", {kUpdate, {}, "last"}, {false, "last"}},
		{"an update of no one field", {kUpdate, {}, "first"}, {true, "last"}},
		{"an update of no one field", {kUpdate, {}, kNull}, {true, "last"}},
		{"a delete", {kDelete, {}, "last"}, {false, "last"}},
		{"a delete that missed the last", {kDelete, {}, "first"}, {true, "last"}},
		{"a delete that missed all", {kDelete, {}, kCreated}, {true, "last"}},
		{"a delete that says nothing", {kDelete, {}, kNull}, {true, "last"}},
		{"a delete by a field's version", {kDelete, kUpdatedFirst, "first"}, {false, "first"}},
		{"a delete by a field's version", {kDelete, kUpdatedFirst, "last"}, {true, "first"}},
		{"a delete by a field that was never updated", {kDelete, kUntouched, kNull}, {false, kCreated}},
	};
	for (const auto &c : cases)
		EXPECT_EQ(Judge({&versions, {}}, c.attempt), c.verdict) << c.why << ", expected " << c.attempt.expected;
}

TEST(Conflict, NotWithWhatTheClientWroteItself)
{
	Stored stored(kCreated);
	Versions versions = stored.View();
	const std::string_view first[] = {"x", "first"};
	const std::string_view last[] = {"last"};
	const std::string_view both[] = {"first", "last"};
	const std::string_view creator[] = {"01700000000000.0000.a"};
	struct
	{
		const char *why;
		Attempt attempt;
		bool conflict;
	} const cases[] = {
		{"a field", {kUpdate, kUpdatedFirst, kNull, first}, false},
		{"a field, the row's last does not count", {kUpdate, kUpdatedFirst, kNull, last}, true},
		{"never updated", {kUpdate, kUntouched, "x", creator}, false},
		{"no one field", {kUpdate, {}, "x", last}, false},
		{"no one field", {kUpdate, {}, "x", first}, true},
		{"a delete", {kDelete, {}, "x", last}, false},
		{"a delete, but somebody came after", {kDelete, {}, "x", first}, true},
		{"a delete by a field's version: the update came, and was the last", {kDelete, kUpdated, "x", last}, false},
		{"the update came, and somebody after it", {kDelete, kUpdatedFirst, "x", first}, true},
		{"somebody changed the field, then an update of another came", {kDelete, kUpdatedFirst, "x", last}, true},
		{"two updates came", {kDelete, kUpdatedFirst, "x", both}, false},
		{"none came, and somebody changed another field", {kDelete, kUpdatedFirst, "first", creator}, false},
	};
	for (const auto &c : cases)
		EXPECT_EQ(Judge({&versions, {}}, c.attempt).conflict, c.conflict) << c.why;
}

TEST(Conflict, WhatIsNotKnownPasses)
{
	Stored stored(kNull);
	Versions versions = stored.View();
	EXPECT_EQ(Judge({&versions, {}}, {kUpdate, kUntouched, "x"}), kPass);
	EXPECT_EQ(Judge({&versions, {}}, {kUpdate, kUntouched, kNull}), kPass);
	EXPECT_EQ(Judge({&versions, {}}, {kUpdate, kUpdated, "x"}), (Verdict{true, "last"}));

	Buffer store;
	Versions unknown = Versions::Fresh(store, {}, {});
	EXPECT_EQ(Judge({&unknown, {}}, {kDelete, {}, "x"}), kPass);
	EXPECT_EQ(Judge({&unknown, {}}, {kDelete, {}, kNull}), kPass);
	EXPECT_EQ(Judge({&unknown, {}}, {kUpdate, {}, "x"}), kPass);
	EXPECT_EQ(Judge({&unknown, {}}, {kUpdate, kUpdated, "x"}), kPass);
}

TEST(Conflict, OfAnEntityThatWasOnlyCreated)
{
	Buffer store;
	Versions fresh = Versions::Fresh(store, kCreated, {});
	EXPECT_EQ(Judge({&fresh, {}}, {kDelete, {}, kCreated}), (Verdict{false, kCreated}));
	EXPECT_EQ(Judge({&fresh, {}}, {kDelete, {}, kNull}), (Verdict{true, kCreated}));
	EXPECT_EQ(Judge({&fresh, {}}, {kUpdate, kUpdated, kNull}), (Verdict{false, kCreated}));
	EXPECT_EQ(Judge({&fresh, {}}, {kUpdate, kUpdated, "x"}), (Verdict{true, kCreated}));
}

TEST(Conflict, IsNewer)
{
	constexpr Stamp kCeiling{9000, 0};
	struct
	{
		std::string_view id, last_id;
		Stamp last;
		bool newer;
		const char *why;
	} const cases[] = {
		{"5000.0001.a", "4000.0000.z", {4000, 0}, true, "later"},
		{"4000.0000.z", "5000.0001.a", {5000, 1}, false, "earlier"},
		{"5000.0001.b", "5000.0001.a", {5000, 1}, true, "the node decides"},
		{"5000.0001.a", "5000.0001.b", {5000, 2}, false, "the node decides"},
		{"5000.0002.a", "5000.0001.b", {5000, 2}, true, "the last one's stamp was raised by a tie"},
		{"5000.0001.c", "5000.0001.b", {5000, 2}, true, "by one more"},
		{"5000.0002.a", "5000.0001.d", {5000, 4}, true, "by several"},
		{"9900.0002.a", "9900.0001.a", {9000, 0}, true, "both are beyond the ceiling"},
		{"9900.0003.a", "9900.0002.a", {9000, 1}, true, "three are"},
		{"9900.0001.a", "9900.0002.a", {9000, 1}, false, "an earlier one is late"},
		{"9800.0001.a", "9900.0001.a", {8000, 0}, true, "the ceiling has risen"},
		{"5000.0003.a", "3000.0000.a", {5000, 6}, false, "an old id, that was written over a newer one"},
		{"5000.0003.a", "3000.0000.a", {5000, 3}, true, "the same, of the same time"},
		{"5000.0003.a", "x", {5000, 3}, true, "no id of a clock"},
		{"5000.0003.a", "x", {5000, 4}, false, "nor this one"},
		{"5000.0003.a", "", {}, true, "nothing is known"},
	};
	for (const auto &c : cases)
		EXPECT_EQ(IsNewer(ParseHlc(c.id).value(), kCeiling, c.last_id, c.last), c.newer) << c.why;
}

} // namespace
} // namespace txsync::core
