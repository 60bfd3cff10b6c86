// One position has one text: what parses is what would have been written; and each position comes back.

#include "core/position.h"

#include <cstring>

#include "fuzz/require.h"

using txsync::core::Buffer;
using txsync::core::ParsePosition;
using txsync::core::Position;
using txsync::fuzz::Require;

extern "C" int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	std::string_view text(reinterpret_cast<const char *>(data), size);
	if (auto position = ParsePosition(text)) {
		Buffer out;
		Write(out, *position);
		Require(out.View() == text);
	}

	Position position;
	if (size >= 20) {
		std::memcpy(&position.commit_lsn, data, 8);
		std::memcpy(&position.change_lsn, data + 8, 8);
		std::memcpy(&position.row, data + 16, 4);
		Buffer out;
		Write(out, position);
		Require(ParsePosition(out.View()) == position);
	}
	return 0;
}
