#include "core/base64.h"

#include <cstdint>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

} // namespace

void
AppendBase64(Buffer &out, std::string_view bytes)
{
	char *at = out.Reserve((bytes.size() + 2) / 3 * 4);
	for (size_t i = 0; i < bytes.size(); i += 3) {
		auto byte = [&](size_t k) -> uint32_t {
			return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0;
		};
		uint32_t word = byte(0) << 16 | byte(1) << 8 | byte(2);
		*at++ = kDigits[word >> 18];
		*at++ = kDigits[word >> 12 & 63];
		*at++ = i + 1 < bytes.size() ? kDigits[word >> 6 & 63] : '=';
		*at++ = i + 2 < bytes.size() ? kDigits[word & 63] : '=';
	}
	out.CommitTo(at);
}

} // namespace txsync::core
