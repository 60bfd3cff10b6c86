#include "core/buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "unit/random.h"

namespace txsync::core {
namespace {

TEST(Buffer, StartsEmpty)
{
	Buffer buffer;
	EXPECT_EQ(buffer.Size(), 0u);
	EXPECT_EQ(buffer.View(), "");
	buffer.Append(std::string_view());
	EXPECT_EQ(buffer.View(), "");
}

TEST(Buffer, HoldsWhatAStringWouldHold)
{
	test::Random random(1);
	Buffer buffer;
	std::string model;
	for (int step = 0; step < 20000; step++) {
		switch (random.Below(16)) {
		case 0:
			model.resize(random.Below(model.size() + 1));
			buffer.Truncate(model.size());
			break;
		case 1: {
			// More is reserved than is written.
			std::string bytes = random.Bytes(random.Below(3000));
			char *at = buffer.Reserve(bytes.size() + random.Below(5000));
			buffer.CommitTo(std::copy(bytes.begin(), bytes.end(), at));
			model += bytes;
			break;
		}
		case 2:
			if (random.Below(20) == 0) {
				model.clear();
				buffer.Clear(random.Below(10000));
			}
			break;
		default: {
			std::string bytes = random.Bytes(random.Below(40));
			buffer.Append(bytes);
			buffer.Append('x');
			model += bytes + 'x';
		}
		}
		ASSERT_EQ(buffer.Size(), model.size());
		ASSERT_EQ(buffer.View(), model);
	}
}

TEST(Buffer, SinceGivesTheEnd)
{
	Buffer buffer;
	buffer.Append("one");
	size_t start = buffer.Size();
	EXPECT_EQ(buffer.Since(start), "");
	buffer.Append("two");
	EXPECT_EQ(buffer.Since(start), "two");
	EXPECT_EQ(buffer.Since(0), "onetwo");
}

TEST(Buffer, ClearKeepsLittleAndGivesMuchBack)
{
	Buffer buffer;
	buffer.Append(std::string(100000, 'x'));
	const char *bytes = buffer.View().data();
	buffer.Clear(1 << 20);
	EXPECT_EQ(buffer.Size(), 0u);
	EXPECT_EQ(buffer.Reserve(100000), bytes);
	buffer.Clear(1000);
	EXPECT_EQ(buffer.View().data(), nullptr);
	buffer.Append("again");
	EXPECT_EQ(buffer.View(), "again");
}

} // namespace
} // namespace txsync::core
