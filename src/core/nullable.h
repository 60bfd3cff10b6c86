#pragma once
// Texts that may be null, as views: data() == nullptr is null.

#include <optional>
#include <string>
#include <string_view>

namespace txsync::core {

inline std::string_view
ViewOf(const std::optional<std::string> &text)
{
	return text ? std::string_view(*text) : std::string_view();
}

// Of a text that says nothing where it is empty.
inline std::string_view
NullIfEmpty(std::string_view text)
{
	return text.empty() ? std::string_view() : text;
}

} // namespace txsync::core
