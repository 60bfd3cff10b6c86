#pragma once
// One line for a terminal: no wider than allowed, with colours or without, and with nothing in it that a terminal
// obeys.

#include <string>
#include <string_view>

namespace txsync::client {

class Printable
{
public:
	static constexpr const char *kPlain = "";
	static constexpr const char *kBold = "\033[1m";
	static constexpr const char *kDim = "\033[2m";
	static constexpr const char *kRed = "\033[31m";
	static constexpr const char *kGreen = "\033[32m";
	static constexpr const char *kYellow = "\033[33m";
	static constexpr const char *kCyan = "\033[36m";

	Printable(int width, bool colours)
		: left_(width)
		, colours_(colours)
	{}

	// Appends as much of UTF-8 `text` as has room, whole characters only; a text that is cut ends in `…`.
	// Control characters and bytes that are no UTF-8 become replacement characters.
	void Add(std::string_view text, const char *colour = kPlain);

	const std::string &
	Text() const
	{
		return text_;
	}

private:
	std::string text_;
	int left_;
	bool colours_;
};

} // namespace txsync::client
