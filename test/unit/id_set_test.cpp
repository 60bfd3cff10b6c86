#include "core/id_set.h"

#include "unit/random.h"

#include <gtest/gtest.h>

#include <set>

namespace txsync::core {
namespace {

// In places numbers are as dense as may be, in others far apart; some are at the ends of what can be.
int64_t
Some(test::Random &random)
{
	switch (random.Below(4)) {
	case 0:
		return static_cast<int64_t>(random.AnySize() >> 1);
	case 1:
		return static_cast<int64_t>((random.Below(5) << 16) + random.Below(3));
	case 2:
		return 10'000'000 + static_cast<int64_t>(random.Below(20'000));
	default:
		return INT64_MAX - static_cast<int64_t>(random.Below(3));
	}
}

TEST(IdSet, HasWhatWasAdded)
{
	test::Random random(1);
	IdSet ids;
	std::set<int64_t> model;
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 10'000; i++) {
			int64_t id = Some(random);
			ids.Add(id);
			model.insert(id);
		}
		for (int64_t id : model)
			ASSERT_TRUE(ids.Has(id)) << id;
		for (int i = 0; i < 10'000; i++) {
			int64_t id = Some(random);
			ASSERT_EQ(ids.Has(id), model.contains(id)) << id;
		}
	}
}

TEST(IdSet, EstimatesItsMemory)
{
	EXPECT_EQ(IdSet::MostBytes(1'000'000'000'000, 0), 0U);
	EXPECT_LT(IdSet::MostBytes(1'000'000'000'000, 1000), 200'000U) << "few of many";
	EXPECT_LT(IdSet::MostBytes(10'000'000, 10'000'000), 1'400'000U) << "all: a bit for each";
	for (size_t bytes : {size_t{0}, size_t{1} << 19, size_t{1} << 25}) {
		int64_t ids = IdSet::FittingInto(bytes);
		EXPECT_LE(ids == 0 ? 0 : IdSet::MostBytes(ids, ids), bytes);
	}
	EXPECT_GT(IdSet::FittingInto(size_t{1} << 19), 3'000'000);
}

} // namespace
} // namespace txsync::core
