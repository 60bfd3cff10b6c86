#pragma once
// What a fuzzer holds true: libFuzzer keeps the input that breaks it.

#include <cstdlib>

namespace txsync::fuzz {

inline void
Require(bool condition)
{
	if (!condition)
		std::abort();
}

} // namespace txsync::fuzz
