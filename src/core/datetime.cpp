#include "core/datetime.h"

#include <charconv>
#include <cstring>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

constexpr int64_t kMicrosPerDay = int64_t{86400} * 1000000;
constexpr int64_t kDaysFromEraToEpoch = 730425; // from 0000-03-01 to 2000-01-01, proleptic Gregorian

struct Civil
{
	int64_t year; // astronomical: 0 is 1 BC
	int month;
	int day;
};

// Howard Hinnant's days-to-civil: eras of 400 years that begin in March.
Civil
ToCivil(int64_t days)
{
	int64_t z = days + kDaysFromEraToEpoch;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	auto day_of_era = static_cast<int>(z - era * 146097);
	int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int month = (5 * day_of_year + 2) / 153; // 0 is March
	int day = day_of_year - (153 * month + 2) / 5 + 1;
	bool next_year = month >= 10;
	return {era * 400 + year_of_era + (next_year ? 1 : 0), next_year ? month - 9 : month + 3, day};
}

char *
TwoDigits(char *out, int value)
{
	*out++ = static_cast<char>('0' + value / 10);
	*out++ = static_cast<char>('0' + value % 10);
	return out;
}

char *
Year(char *out, int64_t year)
{
	if (year >= 10000)
		return std::to_chars(out, out + 12, year).ptr;
	out = TwoDigits(out, static_cast<int>(year / 100));
	return TwoDigits(out, static_cast<int>(year % 100));
}

char *
MonthAndDay(char *out, const Civil &civil)
{
	*out++ = '-';
	out = TwoDigits(out, civil.month);
	*out++ = '-';
	return TwoDigits(out, civil.day);
}

char *
Text(char *out, const char *text)
{
	size_t length = std::strlen(text);
	std::memcpy(out, text, length);
	return out + length;
}

char *
Clock(char *out, int seconds)
{
	out = TwoDigits(out, seconds / 3600);
	*out++ = ':';
	out = TwoDigits(out, seconds / 60 % 60);
	*out++ = ':';
	return TwoDigits(out, seconds % 60);
}

char *
Fraction(char *out, int microseconds, bool trimmed)
{
	if (trimmed && microseconds == 0)
		return out;
	*out++ = '.';
	for (int digit = 100000; digit > 0 && !(trimmed && microseconds == 0); digit /= 10) {
		*out++ = static_cast<char>('0' + microseconds / digit);
		microseconds %= digit;
	}
	return out;
}

char *
DateAndTime(char *out, int64_t microseconds, const char *zone, bool trimmed)
{
	int64_t days = microseconds / kMicrosPerDay;
	int64_t time = microseconds % kMicrosPerDay;
	if (time < 0) {
		time += kMicrosPerDay;
		days--;
	}
	Civil civil = ToCivil(days);
	out = Year(out, civil.year > 0 ? civil.year : 1 - civil.year);
	out = MonthAndDay(out, civil);
	*out++ = 'T';
	out = Clock(out, static_cast<int>(time / 1000000));
	out = Fraction(out, static_cast<int>(time % 1000000), trimmed);
	out = Text(out, zone);
	return civil.year > 0 ? out : Text(out, " BC");
}

} // namespace

char *
FormatDate(char *out, int32_t days)
{
	Civil civil = ToCivil(days);
	out = Year(out, civil.year > 0 ? civil.year : 1 - civil.year);
	out = MonthAndDay(out, civil);
	return civil.year > 0 ? out : Text(out, " BC");
}

char *
FormatTimestamp(char *out, int64_t microseconds, const char *zone)
{
	return DateAndTime(out, microseconds, zone, true);
}

char *
FormatInstant(char *out, int64_t microseconds)
{
	return DateAndTime(out, microseconds, "Z", false);
}

} // namespace txsync::core
