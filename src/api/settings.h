#pragma once

#include <cstdint>

namespace txsync::api {

// The settings of what SQL calls, from _PG_init, preloaded or not.
void DefineSettings();

// How far ahead of the wall clock a time from elsewhere may be.
uint64_t MaxClockSkewMs();

} // namespace txsync::api
