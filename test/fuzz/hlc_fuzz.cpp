// A parsed id has one canonical text and one binary form, and the next one is above it.

#include "core/hlc.h"

#include <limits>
#include <optional>
#include <string>

#include "fuzz/require.h"

using txsync::core::AppendBinary;
using txsync::core::Buffer;
using txsync::core::Hlc;
using txsync::core::Next;
using txsync::core::ParseBinary;
using txsync::core::ParseHlc;
using txsync::fuzz::Require;

namespace {

std::string
Binary(const Hlc &hlc)
{
	Buffer out;
	AppendBinary(out, hlc);
	return std::string(out.View());
}

// Whatever bytes are taken for an id are its only binary form, and it is one that a text can say.
void
TryAsBinary(std::string_view bytes)
{
	auto hlc = ParseBinary(bytes);
	if (!hlc)
		return;
	Require(Binary(*hlc) == bytes);
	Require(ParseHlc(ToString(*hlc)) == hlc);
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	std::string_view text(reinterpret_cast<const char *>(data), size);
	TryAsBinary(text);
	auto hlc = ParseHlc(text);
	if (!hlc)
		return 0;
	Require(size <= Hlc::kMaxBytes && hlc->wall_ms <= Hlc::kMaxWall && !hlc->node.empty());

	std::string canonical = ToString(*hlc);
	Require(ParseHlc(canonical) == hlc);
	std::string binary = Binary(*hlc);
	Require(ParseBinary(binary) == hlc);
	// Only zeros in front of the wall time may be gone.
	Require(text.ends_with(canonical));
	Require(text.substr(0, size - canonical.size()).find_first_not_of('0') == text.npos);

	if (*hlc < Hlc{Hlc::kMaxWall, Hlc::kMaxLogical, ""}) {
		for (uint64_t now : {uint64_t{0}, hlc->wall_ms, hlc->wall_ms + 1, std::numeric_limits<uint64_t>::max()}) {
			Hlc next = Next(*hlc, now);
			Require(next > *hlc && next.wall_ms <= Hlc::kMaxWall && next.node == hlc->node);
		}
	}
	return 0;
}
