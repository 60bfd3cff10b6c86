#pragma once
// What this database alone can have made: bytes are sealed with a key that is neither readable nor dumped.

#include <array>
#include <cstdint>
#include <string_view>

namespace txsync::pg {

using Seal = std::array<uint8_t, 32>;

// HMAC-SHA-256 by the key in txsync.secret. What is sealed for one purpose is not sealed for another. Decoding may ask
// as well: the table is a catalog to it.
Seal SealOf(std::string_view purpose, std::string_view bytes);

// Compares a prefix of a seal, in a time that does not tell where they differ.
bool IsSealed(const Seal &seal, std::string_view prefix);

} // namespace txsync::pg
