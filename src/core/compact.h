#pragma once
// The line of a change without what can be left out, and back. See docs/format.md.

#include "core/buffer.h"

#include <string_view>

namespace txsync::core {

// What the compact lines of a transaction leave out.
struct Commit
{
	std::string_view lsn; // `0/16B3748`
	std::string_view committed_at;
};

// Appends the whole line that a compact one stands for. False, and nothing appended, for what is no compact line.
bool Expand(Buffer &out, std::string_view line, const Commit &commit);

} // namespace txsync::core
