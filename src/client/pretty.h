#pragma once
// Changes for the eyes: one line each, no wider than the terminal if there is one.

#include <string>
#include <string_view>

namespace txsync::client {

class Pretty
{
public:
	// Looks what fd is: only terminals have a width, and colours, if NO_COLOR is not set.
	explicit Pretty(int fd);

	// `lines` are changes in JSON, each ended by a line feed; what is not such a line comes out as it is, made
	// harmless.
	std::string Render(std::string_view lines) const;

private:
	std::string RenderLine(std::string_view json, int width) const;
	int Width() const;

	int fd_;
	bool is_terminal_;
	bool colours_;
};

} // namespace txsync::client
