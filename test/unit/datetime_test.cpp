#include "core/datetime.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>

#include "unit/random.h"

namespace txsync::core {
namespace {

namespace chrono = std::chrono;

constexpr int64_t kSecond = 1000000;
constexpr int64_t kDay = 86400 * kSecond;
constexpr int64_t kDaysOf400Years = 146097;

// What PostgreSQL's types hold: from 4714-11-24 BC to the end of 5874897 (dates) and of 294276 (timestamps).
constexpr int32_t kFirstDay = -2451545;
constexpr int32_t kLastDay = 2145031948;
constexpr int32_t kLastDayOfTimestamps = 106751982;

// Room for what is promised and no more: a sanitizer sees who writes on.
template <class F>
std::string
Text(F format)
{
	std::unique_ptr<char[]> out(new char[kMaxDateTime]);
	return {out.get(), format(out.get())};
}

std::string
Date(int32_t days)
{
	return Text([=](char *out) { return FormatDate(out, days); });
}

std::string
Timestamp(int64_t microseconds, const char *zone = "")
{
	return Text([=](char *out) { return FormatTimestamp(out, microseconds, zone); });
}

std::string
Instant(int64_t microseconds)
{
	return Text([=](char *out) { return FormatInstant(out, microseconds); });
}

// By the standard library's calendar. Its years end at 32767, but the calendar comes back every 400.
struct Oracle
{
	explicit Oracle(chrono::sys_time<chrono::microseconds> instant)
	{
		auto midnight = chrono::floor<chrono::days>(instant);
		time = chrono::hh_mm_ss(instant - midnight);
		int64_t days = midnight.time_since_epoch().count();
		int64_t cycles = days / kDaysOf400Years;
		ymd = chrono::sys_days(chrono::days(days % kDaysOf400Years));
		year = int{ymd.year()} + cycles * 400;
	}

	std::string
	Date() const
	{
		char text[40];
		std::snprintf(text, sizeof text, "%04lld-%02u-%02u", static_cast<long long>(year > 0 ? year : 1 - year),
					  unsigned{ymd.month()}, unsigned{ymd.day()});
		return text;
	}

	std::string
	Time() const
	{
		char text[40];
		std::snprintf(text, sizeof text, "T%02d:%02d:%02d.%06d", static_cast<int>(time.hours().count()),
					  static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
					  static_cast<int>(time.subseconds().count()));
		return text;
	}

	std::string
	TrimmedTime() const
	{
		std::string text = Time();
		text.erase(text.find_last_not_of('0') + 1);
		if (text.back() == '.')
			text.pop_back();
		// The zeros of a whole minute are no fraction.
		return text.size() < 9 ? Time().substr(0, 9) : text;
	}

	const char *
	Era() const
	{
		return year > 0 ? "" : " BC";
	}

	int64_t year;
	chrono::year_month_day ymd;
	chrono::hh_mm_ss<chrono::microseconds> time;
};

constexpr chrono::sys_days kEpoch{chrono::year{2000} / 1 / 1};

std::string
ExpectedDate(int32_t days)
{
	// From Unix's epoch: the sum would not fit as microseconds for the last dates.
	int64_t cycles = days / kDaysOf400Years;
	Oracle oracle(kEpoch + chrono::days(days % kDaysOf400Years));
	oracle.year += cycles * 400;
	return oracle.Date() + oracle.Era();
}

int64_t
Between(test::Random &random, int64_t first, int64_t last)
{
	return first + static_cast<int64_t>(random.Below(static_cast<uint64_t>(last) - static_cast<uint64_t>(first) + 1));
}

TEST(Date, ByHand)
{
	EXPECT_EQ(Date(0), "2000-01-01");
	EXPECT_EQ(Date(-1), "1999-12-31");
	EXPECT_EQ(Date(59), "2000-02-29");
	EXPECT_EQ(Date(60), "2000-03-01");
	EXPECT_EQ(Date(-730119), "0001-01-01");
	EXPECT_EQ(Date(-730120), "0001-12-31 BC");
	EXPECT_EQ(Date(-730426), "0001-02-29 BC");
	EXPECT_EQ(Date(-730486), "0002-12-31 BC");
	EXPECT_EQ(Date(kFirstDay), "4714-11-24 BC");
	EXPECT_EQ(Date(2921939), "9999-12-31");
	EXPECT_EQ(Date(2921940), "10000-01-01");
	EXPECT_EQ(Date(kLastDayOfTimestamps), "294276-12-31");
	EXPECT_EQ(Date(kLastDay), "5874897-12-31");
}

TEST(Date, EachDayOfACycleAroundEachEpoch)
{
	for (int64_t middle : {0, -730119}) {
		for (int64_t day = middle - kDaysOf400Years / 2; day <= middle + kDaysOf400Years / 2; day++)
			ASSERT_EQ(Date(static_cast<int32_t>(day)), ExpectedDate(static_cast<int32_t>(day))) << day;
	}
}

// Wherever somebody's calendar of 400 years may begin: in January or March, in year 0 or 1.
TEST(Date, EndsOfEachCycle)
{
	for (int64_t start : {-730485, -730425, -730119}) {
		for (int64_t day = start - 12 * kDaysOf400Years; day < kLastDay; day += kDaysOf400Years) {
			for (int64_t near = std::max<int64_t>(day - 1, kFirstDay); near <= day + 1; near++) {
				ASSERT_EQ(Date(static_cast<int32_t>(near)), ExpectedDate(static_cast<int32_t>(near))) << near;
			}
		}
	}
}

TEST(Date, RandomDays)
{
	test::Random random(1);
	for (int round = 0; round < 200000; round++) {
		int64_t last = round % 2 == 0 ? kLastDayOfTimestamps : kLastDay;
		auto day = static_cast<int32_t>(Between(random, kFirstDay, round % 4 == 0 ? 3000000 : last));
		ASSERT_EQ(Date(day), ExpectedDate(day)) << day;
	}
}

TEST(Timestamp, ByHand)
{
	EXPECT_EQ(Timestamp(0), "2000-01-01T00:00:00");
	EXPECT_EQ(Timestamp(0, "Z"), "2000-01-01T00:00:00Z");
	EXPECT_EQ(Timestamp(500000, "+00:00"), "2000-01-01T00:00:00.5+00:00");
	EXPECT_EQ(Timestamp(1), "2000-01-01T00:00:00.000001");
	EXPECT_EQ(Timestamp(100), "2000-01-01T00:00:00.0001");
	EXPECT_EQ(Timestamp(10 * kSecond), "2000-01-01T00:00:10");
	EXPECT_EQ(Timestamp(20 * 3600 * kSecond + 30 * 60 * kSecond), "2000-01-01T20:30:00");
	EXPECT_EQ(Timestamp(-1, "Z"), "1999-12-31T23:59:59.999999Z");
	EXPECT_EQ(Timestamp(-kDay), "1999-12-31T00:00:00");
	EXPECT_EQ(Timestamp(-730120 * kDay + kSecond / 10, "Z"), "0001-12-31T00:00:00.1Z BC");
	EXPECT_EQ(Timestamp(2921940 * kDay, "Z"), "10000-01-01T00:00:00Z");
}

TEST(Instant, AlwaysSixDigits)
{
	EXPECT_EQ(Instant(0), "2000-01-01T00:00:00.000000Z");
	EXPECT_EQ(Instant(1), "2000-01-01T00:00:00.000001Z");
	EXPECT_EQ(Instant(-500000), "1999-12-31T23:59:59.500000Z");
	EXPECT_EQ(Instant(-730120 * kDay), "0001-12-31T00:00:00.000000Z BC");
}

// Any microsecond, or one on a boundary.
int64_t
RandomInstant(test::Random &random, int64_t first, int64_t last)
{
	constexpr int64_t kUnits[] = {1, 10, 1000, 100000, kSecond, 60 * kSecond, 3600 * kSecond, kDay};
	int64_t unit = kUnits[random.Below(8)];
	return Between(random, first, last) / unit * unit;
}

TEST(Timestamp, RandomOnes)
{
	test::Random random(2);
	for (int round = 0; round < 200000; round++) {
		int64_t instant = RandomInstant(random, kFirstDay * kDay, kLastDayOfTimestamps * kDay + (kDay - 1));
		// Microseconds from 1970 would not fit for the last years; a cycle is added afterwards.
		int64_t cycles = instant / (kDaysOf400Years * kDay);
		Oracle oracle(kEpoch + chrono::microseconds(instant % (kDaysOf400Years * kDay)));
		oracle.year += cycles * 400;
		ASSERT_EQ(Timestamp(instant, "+00:00"), oracle.Date() + oracle.TrimmedTime() + "+00:00" + oracle.Era());
		ASSERT_EQ(Instant(instant), oracle.Date() + oracle.Time() + "Z" + oracle.Era());
	}
}

TEST(Instant, TextOrderIsTimeOrder)
{
	test::Random random(3);
	for (int round = 0; round < 100000; round++) {
		int64_t a = RandomInstant(random, -730119 * kDay, 2921940 * kDay - 1);
		int64_t b = random.Below(2) == 0 ? a + Between(random, 0, 2000000) : Between(random, a, 2921940 * kDay - 1);
		if (b < 2921940 * kDay) {
			ASSERT_EQ(Instant(a) <=> Instant(b), a <=> b);
		}
	}
}

TEST(DateTime, WhatNoTypeHoldsFitsToo)
{
	for (int32_t days : {std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()})
		EXPECT_EQ(Date(days), ExpectedDate(days));
	for (int64_t microseconds : {std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
		EXPECT_GE(Timestamp(microseconds, "+00:00").size(), 30u);
		EXPECT_GE(Instant(microseconds).size(), 25u);
	}
}

} // namespace
} // namespace txsync::core
