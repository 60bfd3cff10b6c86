#pragma once
// What a subscriber asks of the output plugin.

#include <optional>
#include <string>
#include <utility>

namespace txsync::client {

// Name, and value if there is one.
using PluginOption = std::pair<std::string, std::optional<std::string>>;

} // namespace txsync::client
