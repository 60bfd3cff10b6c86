#include "core/stamp.h"

#include "core/hlc.h"

#include <gtest/gtest.h>

namespace txsync::core {
namespace {

TEST(Stamp, TimeOfAnId)
{
	EXPECT_EQ(TimeOf("1700000000000.0003.n"), (Stamp{1700000000000, 3}));
	EXPECT_EQ(TimeOf("not of a clock"), Stamp());
}

TEST(Stamp, After)
{
	constexpr uint64_t kMax64 = UINT64_MAX;
	EXPECT_EQ(After({}), (Stamp{0, 1}));
	EXPECT_EQ(After({5, 9998}), (Stamp{5, 9999}));
	EXPECT_EQ(After({5, 9999}), (Stamp{6, 0}));
	EXPECT_EQ(After({5, kMax64}), (Stamp{6, 0}));
	EXPECT_EQ(After({Hlc::kMaxWall, 9999}), (Stamp{Hlc::kMaxWall, 10000}));
	EXPECT_EQ(After({Hlc::kMaxWall, kMax64}), (Stamp{Hlc::kMaxWall, kMax64}));
	EXPECT_EQ(After({kMax64, 1}), (Stamp{kMax64, 1}));
}

} // namespace
} // namespace txsync::core
