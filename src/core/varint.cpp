#include "core/varint.h"

#include <algorithm>

#include "core/no_postgres.h"

namespace txsync::core {

bool
TakeLongVarint(std::string_view &rest, uint64_t &number)
{
	number = 0;
	size_t size = std::min(rest.size(), kMaxVarint);
	for (size_t i = 0; i < size; i++) {
		auto byte = static_cast<unsigned char>(rest[i]);
		if (i == kMaxVarint - 1 && byte > 1) // beyond 64 bits
			return false;
		number |= uint64_t{byte & 0x7FU} << (7 * i);
		if (byte < 0x80) {
			rest.remove_prefix(i + 1);
			return true;
		}
	}
	return false;
}

} // namespace txsync::core
