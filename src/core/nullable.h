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

// Null is the same as null only.
inline bool
AreSame(std::string_view one, std::string_view other)
{
	return one == other && (one.data() == nullptr) == (other.data() == nullptr);
}

// Of a text that says nothing where it is empty.
inline std::string_view
NullIfEmpty(std::string_view text)
{
	return text.empty() ? std::string_view() : text;
}

} // namespace txsync::core
