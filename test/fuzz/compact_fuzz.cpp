#include "core/compact.h"

#include "fuzz/require.h"

using namespace txsync;

// Whatever comes is refused without a trace, or expanded into a line that holds all that came behind the position.
extern "C" int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	std::string_view line(reinterpret_cast<const char *>(bytes), size);
	core::Buffer out;
	bool expanded = core::Expand(out, line, {"0/1", "2026-11-21T09:00:00.123456Z"});
	fuzz::Require(expanded ? out.Size() > line.size() : out.Size() == 0);
	return 0;
}
