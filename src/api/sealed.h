#pragma once
// Opaque texts that come back: for URLs, and known as this database's own by their seal.

#include <optional>
#include <string>
#include <string_view>

namespace txsync::api {

std::string Sealed(std::string_view purpose, std::string_view content);

struct Unsealed
{
	std::string content;
	bool is_ours = false; // else anybody may have written it
};

// Nothing for what is no such text at all.
std::optional<Unsealed> Unseal(std::string_view purpose, std::string_view text);

} // namespace txsync::api
