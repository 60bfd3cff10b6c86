#include "core/versions.h"

#include "core/advance.h"
#include "core/hlc.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "unit/random.h"

namespace txsync::core {

void
PrintTo(const Stamp &stamp, std::ostream *out)
{
	*out << stamp.wall_ms << '/' << stamp.logical;
}

namespace {

constexpr uint64_t kMax64 = UINT64_MAX;
constexpr uint64_t kNow = 1700000000000;
constexpr Stamp kNoCeiling{kMax64, kMax64};
constexpr char kUuid[] = "0b9c6b3e-5e0f-4c57-9d2a-6d2f0c1ab3f4";

// Versions that own what they say.
struct Model
{
	struct Version
	{
		std::string id;
		Stamp stamp;

		bool operator==(const Version &) const = default;
	};

	uint64_t row_version = 1;
	std::string last; // empty: unknown
	std::string creator;
	Stamp created;
	std::map<uint32_t, Version> fields;

	bool operator==(const Model &) const = default;
};

std::optional<Model>
Read(std::string_view bytes)
{
	// Behind the last byte is no other: a sanitizer sees who reads on.
	std::vector<char> exact(bytes.begin(), bytes.end());
	auto versions = Versions::Parse({exact.data(), exact.size()});
	if (!versions)
		return std::nullopt;
	Model model{versions->RowVersion(), versions->Last(), versions->Creator(), versions->CreatorStamp(), {}};
	Versions::Cursor fields = versions->Fields();
	for (Versions::Field field; fields.Next(field);)
		model.fields[field.number] = {versions->Id(field.id), field.stamp};
	return model;
}

std::string
Fresh(uint64_t row_version, std::string_view id, const Stamp &created)
{
	Buffer out;
	WriteFresh(out, row_version, id, created);
	return std::string(out.View());
}

std::string
Advanced(std::string_view before, const RowWrite &write, const Stamp &ceiling = kNoCeiling)
{
	Buffer out;
	Advance(out, Versions::Parse(before).value(), write, ceiling);
	return std::string(out.View());
}

TEST(Versions, Fresh)
{
	EXPECT_EQ(Read(Fresh(1, "1700000000000.0001.n", {kNow, 1})),
			  (Model{1, "1700000000000.0001.n", "1700000000000.0001.n", {kNow, 1}, {}}));
	EXPECT_EQ(Read(Fresh(7, "a", {})), (Model{7, "a", "a", {}, {}}));
	EXPECT_EQ(Read(Fresh(7, "a", {1, 2})), (Model{7, "a", "a", {1, 2}, {}}));
	EXPECT_EQ(Read(Fresh(INT64_MAX, {}, {})), (Model{INT64_MAX, "", "", {}, {}}));
	EXPECT_EQ(Read(Fresh(1, {}, {3, 4})), (Model{1, "", "", {3, 4}, {}}));

	Buffer store;
	store.Append("what was there before");
	Versions fresh = Versions::Fresh(store, "a", {5, 6});
	EXPECT_EQ(fresh.RowVersion(), 1U);
	EXPECT_EQ(fresh.Last(), "a");
	EXPECT_EQ(fresh.Creator(), "a");
	EXPECT_EQ(fresh.CreatorStamp(), (Stamp{5, 6}));
	EXPECT_EQ(fresh.Find(0), std::nullopt);
	EXPECT_EQ(Versions::Fresh(store, {}, {}).Last(), "");
}

// Pinned: rows that were stored stay readable.
TEST(Versions, Bytes)
{
	EXPECT_EQ(Fresh(1, {}, {}), std::string("\1\1\0\0", 4));
	EXPECT_EQ(Fresh(300, "ab", {}), std::string("\1\xAC\2\x08"
												"ab\0\2",
												8));
	EXPECT_EQ(Fresh(1, "128.0001.n", {128, 1}), std::string("\1\1\x11\x80\1\1n\0\2", 9));
	EXPECT_EQ(Fresh(1, "128.0001.n", {128, 2}), std::string("\1\1\x11\x80\1\1n\0\3\x80\1\2", 12));
	EXPECT_EQ(Fresh(1, std::string("1.0000.") + kUuid, {1, 0}),
			  std::string("\1\1\x4A\1\0\x0B\x9C\x6B\x3E\x5E\x0F\x4C\x57\x9D\x2A\x6D\x2F\x0C\x1A\xB3\xF4\0\2", 23));
	EXPECT_EQ(Fresh(1, kUuid, {}),
			  std::string("\1\1\x43\x0B\x9C\x6B\x3E\x5E\x0F\x4C\x57\x9D\x2A\x6D\x2F\x0C\x1A\xB3\xF4\0\2", 21));

	const uint32_t fields[] = {2, 5};
	EXPECT_EQ(Advanced(Fresh(1, "a", {}), {"b", {7, 8}, fields}), std::string("\1\2\x04"
																			  "b\x04"
																			  "a\0\4\2\1\7\x08\2\1\7\x08",
																			  16));
}

TEST(Versions, ATypicalRowIsSmall)
{
	auto id = [](uint64_t ms) { return std::to_string(kNow + ms) + ".0000." + kUuid; };
	const uint32_t first[] = {3, 4};
	const uint32_t second[] = {7};
	std::string bytes = Fresh(1, id(0), {kNow, 0});
	bytes = Advanced(bytes, {id(1), {kNow + 1, 0}, first});
	bytes = Advanced(bytes, {id(2), {kNow + 2, 0}, second});
	EXPECT_EQ(Read(bytes).value().fields.size(), 3U);
	EXPECT_LE(bytes.size(), 85U);
}

TEST(Versions, StampsOfAFieldRise)
{
	const uint32_t field[] = {1};
	struct
	{
		const char *why;
		Stamp created, base, ceiling, stamp;
	} const cases[] = {
		{"the mutation's own time", {10, 0}, {20, 3}, {99, 0}, {20, 3}},
		{"no further than the ceiling", {10, 0}, {100, 3}, {99, 0}, {99, 0}},
		{"above the previous one", {20, 3}, {20, 3}, {99, 0}, {20, 4}},
		{"above the previous one, from the past", {20, 3}, {10, 0}, {99, 0}, {20, 4}},
		{"above the previous one, even above the ceiling", {99, 9999}, {200, 0}, {99, 0}, {100, 0}},
		{"nothing known", {}, {}, {99, 0}, {0, 1}},
	};
	for (const auto &c : cases) {
		std::string once = Advanced(Fresh(1, "a", c.created), {"b", c.base, field}, c.ceiling);
		EXPECT_EQ(Versions::Parse(once).value().Find(1).value().stamp, c.stamp) << c.why;
		// And the next one is above this one, whoever created the entity.
		std::string twice = Advanced(once, {"c", {}, field}, c.ceiling);
		EXPECT_EQ(Versions::Parse(twice).value().Find(1).value().stamp, After(c.stamp)) << c.why;
	}
}

TEST(Versions, FieldsMayComeInAnyOrder)
{
	const uint32_t fields[] = {7, 0, UINT32_MAX, 7, 3};
	const uint32_t ascending[] = {0, 3, 7, UINT32_MAX};
	std::string bytes = Advanced(Fresh(1, {}, {}), {"b", {1, 0}, fields});
	EXPECT_EQ(bytes, Advanced(Fresh(1, {}, {}), {"b", {1, 0}, ascending}));
	EXPECT_EQ(Read(bytes).value().fields.size(), 4U);
	EXPECT_TRUE(Versions::Parse(bytes).value().Find(UINT32_MAX));
}

TEST(Versions, RowVersionEndsAtTheLargest)
{
	EXPECT_EQ(Read(Advanced(Fresh(INT64_MAX - 1, {}, {}), {"b", {}, {}})).value().row_version, uint64_t{INT64_MAX});
	EXPECT_EQ(Read(Advanced(Fresh(INT64_MAX, {}, {}), {"b", {}, {}})).value().row_version, uint64_t{INT64_MAX});
}

// Random writes, against the model.
class Writer
{
public:
	Writer(uint64_t seed, uint32_t fields, uint64_t ids)
		: random_(seed)
		, fields_(fields)
	{
		for (uint64_t i = 0; i < ids; i++)
			ids_.push_back(RandomId());
		bool known = random_.Below(4) != 0;
		model_.creator = model_.last = known ? AnyId() : std::string();
		model_.created = random_.Below(2) == 0 ? TimeOf(model_.creator) : Stamp{kNow, random_.Below(10000)};
		bytes_ = Fresh(1, known ? std::string_view(model_.creator) : std::string_view(), model_.created);
	}

	void
	Step()
	{
		std::string id = AnyId();
		Stamp base = random_.Below(3) == 0 ? Stamp{kNow + random_.Below(5), random_.Below(3)} : TimeOf(id);
		Stamp ceiling{kNow + random_.Below(10), 0};
		std::vector<uint32_t> changed(random_.Below(5));
		for (uint32_t &field : changed)
			field = static_cast<uint32_t>(random_.Below(fields_));
		bytes_ = Advanced(bytes_, {id, base, changed}, ceiling);

		model_.row_version++;
		model_.last = id;
		for (uint32_t field : std::set<uint32_t>(changed.begin(), changed.end())) {
			auto old = model_.fields.find(field);
			Stamp previous = old == model_.fields.end() ? model_.created : old->second.stamp;
			model_.fields[field] = {id, std::max(std::min(base, ceiling), After(previous))};
		}
	}

	void
	Check()
	{
		ASSERT_EQ(Read(bytes_), model_);
		Versions versions = Versions::Parse(bytes_).value();
		std::set<std::string> ids{model_.last};
		if (!model_.creator.empty())
			ids.insert(model_.creator);
		for (const auto &[field, version] : model_.fields)
			ids.insert(version.id);
		ASSERT_EQ(versions.IdCount(), model_.last.empty() ? 0U : ids.size());

		auto field = static_cast<uint32_t>(random_.Below(fields_));
		auto found = versions.Find(field);
		auto expected = model_.fields.find(field);
		ASSERT_EQ(found.has_value(), expected != model_.fields.end());
		if (found) {
			ASSERT_EQ(found->id, expected->second.id);
			ASSERT_EQ(found->stamp, expected->second.stamp);
		}
	}

	const std::string &
	Bytes() const
	{
		return bytes_;
	}

private:
	std::string
	RandomId()
	{
		std::string node = random_.Below(2) == 0 ? std::string(kUuid) : random_.Bytes(1 + random_.Below(40));
		switch (random_.Below(4)) {
		case 0:
			return random_.Bytes(1 + random_.Below(128));
		case 1:
			return random_.Below(2) == 0 ? std::string(kUuid) : "0" + ToString({kNow, 0, node});
		default:
			return ToString({kNow + random_.Below(20), random_.Below(3), node});
		}
	}

	const std::string &
	AnyId()
	{
		return ids_[random_.Below(ids_.size())];
	}

	test::Random random_;
	uint32_t fields_;
	std::vector<std::string> ids_;
	Model model_;
	std::string bytes_;
};

TEST(Versions, RandomWritesAgainstAModel)
{
	for (uint64_t seed = 0; seed < 300; seed++) {
		Writer writer(seed, 1 + seed % 30, 1 + seed % 17);
		for (int step = 0; step < 40; step++) {
			writer.Check();
			writer.Step();
		}
	}
}

TEST(Versions, ManyFieldsAndIds)
{
	Writer writer(1, 1600, 1000);
	for (int step = 0; step < 3000; step++)
		writer.Step();
	writer.Check();
	EXPECT_GT(Versions::Parse(writer.Bytes()).value().IdCount(), 100U);
}

TEST(Versions, Damaged)
{
	for (const auto &[why, bytes] : std::vector<std::pair<const char *, std::string>>{
			 {"nothing", ""},
			 {"another format", std::string("\2\1\0\0", 4)},
			 {"row version 0", std::string("\1\0\0\0", 4)},
			 {"row version beyond int64", "\1\x80\x80\x80\x80\x80\x80\x80\x80\x80\1" + std::string("\0\0", 2)},
			 {"row version beyond 64 bits", "\1\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\2" + std::string("\0\0", 2)},
			 {"row version without end", "\1\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"},
			 {"an id that is longer than the rest", std::string("\1\1\x0C"
																"a\0\0",
																6)},
			 {"no end of ids", std::string("\1\1\x04"
										   "a",
										   4)},
			 {"no node", std::string("\1\1\x09\1\1\0\0", 7)},
			 {"a wall time beyond the last", std::string("\1\1\x25\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1n\0\0", 13)},
			 {"a UUID of 2 bytes", std::string("\1\1\x0B"
											   "aa\0\0",
											   7)},
			 {"no creator", std::string("\1\1\0", 3)},
			 {"a creator that is not there", std::string("\1\1\0\2", 4)},
			 {"a stamp that is not there", std::string("\1\1\0\1", 4)},
			 {"half a stamp", std::string("\1\1\0\1\5", 5)},
			 {"a field without version", std::string("\1\1\4"
													 "a\0\0\1",
													 7)},
			 {"a field whose id is not there", std::string("\1\1\4"
														   "a\0\0\1\2",
														   8)},
			 {"a number beyond 32 bits", std::string("\1\1\4"
													 "a\0\0\xFF\xFF\xFF\xFF\x0F\0\0\0",
													 14)},
			 {"a number far beyond 32 bits", std::string("\1\1\4"
														 "a\0\0\1\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1\0",
														 19)},
		 })
		EXPECT_EQ(Read(bytes), std::nullopt) << why;
}

TEST(Versions, CutIsRefusedOrLosesFieldsOnly)
{
	for (uint64_t seed = 0; seed < 100; seed++) {
		Writer writer(seed, 20, 5);
		for (int step = 0; step < 10; step++)
			writer.Step();
		Model whole = Read(writer.Bytes()).value();
		for (size_t size = 0; size < writer.Bytes().size(); size++) {
			auto model = Read(std::string_view(writer.Bytes()).substr(0, size));
			if (!model)
				continue;
			ASSERT_LT(model->fields.size(), whole.fields.size());
			ASSERT_TRUE(std::includes(whole.fields.begin(), whole.fields.end(), model->fields.begin(),
									  model->fields.end(),
									  [](const auto &a, const auto &b) { return a.first < b.first; }));
		}
	}
}

// Whatever the bytes are, nothing is read beyond them, and what can be read can be advanced.
TEST(Versions, FlippedBytes)
{
	test::Random random(1);
	int read = 0;
	constexpr int kRounds = 20000;
	for (int round = 0; round < kRounds; round++) {
		Writer writer(random.Below(50), 10, 5);
		for (int step = 0; step < 3; step++)
			writer.Step();
		std::string bytes = writer.Bytes();
		for (uint64_t flips = 1 + random.Below(3); flips > 0; flips--)
			bytes[random.Below(bytes.size())] = static_cast<char>(random.Bits());
		auto model = Read(bytes);
		if (!model)
			continue;
		read++;
		const uint32_t fields[] = {1, 2, 11};
		auto next = Read(Advanced(bytes, {"next", {kNow, 0}, fields}));
		ASSERT_TRUE(next);
		ASSERT_EQ(next->creator, model->creator);
		ASSERT_EQ(next->created, model->created);
		for (const auto &[field, version] : model->fields) {
			if (field != 1 && field != 2 && field != 11) {
				ASSERT_EQ(next->fields.at(field), version);
			}
		}
	}
	EXPECT_GT(read, kRounds / 10);
	EXPECT_LT(read, kRounds * 9 / 10);
}

} // namespace
} // namespace txsync::core
