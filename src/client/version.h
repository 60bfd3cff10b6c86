#pragma once
// The release that this program is of: the extension's default_version (test/t/003_setup.pl holds the two together).

namespace txsync::client {

inline constexpr const char *kVersion = "0.1";

} // namespace txsync::client
