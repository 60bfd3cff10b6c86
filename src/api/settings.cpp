#include "api/settings.h"

#include "pg/server.h"

#include <limits>

extern "C" {
#include "utils/guc.h"
}

namespace txsync::api {

namespace {

int max_clock_skew = 60000;

} // namespace

void
DefineSettings()
{
	DefineCustomIntVariable(
		"txsync.max_clock_skew", "How far ahead of this server's wall clock a time from elsewhere may be.", nullptr,
		&max_clock_skew, 60000, 0, std::numeric_limits<int>::max(), PGC_SUSET, GUC_UNIT_MS, nullptr, nullptr, nullptr);
}

uint64_t
MaxClockSkewMs()
{
	return static_cast<uint64_t>(max_clock_skew);
}

} // namespace txsync::api
