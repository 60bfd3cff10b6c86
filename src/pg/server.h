#pragma once
// The server's headers as every file that sees PostgreSQL gets them: inside extern "C", and after the standard headers,
// since postgres.h redefines printf and others. More server headers follow this one in an extern "C" block of the
// including file.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

extern "C" {
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"
}

// 16 moved what takes a varlena apart out of postgres.h (d952373a987b).
#if PG_VERSION_NUM >= 160000
extern "C" {
#	include "varatt.h"
}
#endif
