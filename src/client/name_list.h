#pragma once
// Lists of names as PostgreSQL's settings hold them: `pgoutput, "Odd, name"`.

#include <string>
#include <string_view>
#include <vector>

namespace txsync::client {

// The names of a list, without their quotes. A comma is in no library's name: one inside quotes tells of a list that
// was set in a single pair of quotes, and separates too.
std::vector<std::string> SplitNames(std::string_view list);

} // namespace txsync::client
