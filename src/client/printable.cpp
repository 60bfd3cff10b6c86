#include "client/printable.h"

#include <cwchar>
#include <locale.h>

namespace txsync::client {

namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD"; // U+FFFD
constexpr std::string_view kMore = "\xE2\x80\xA6";        // U+2026, one column

// What we print is UTF-8, whatever the user's locale; this holds for the thread until the end of the scope.
class Utf8Locale
{
public:
	Utf8Locale()
		: utf8_(newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr))
		, before_(uselocale(utf8_))
	{}

	~Utf8Locale()
	{
		uselocale(before_);
		if (utf8_ != nullptr)
			freelocale(utf8_);
	}

	Utf8Locale(const Utf8Locale &) = delete;
	Utf8Locale &operator=(const Utf8Locale &) = delete;

private:
	locale_t utf8_;
	locale_t before_;
};

struct Character
{
	std::string_view shown;
	size_t bytes; // of the text that it stands for
	int columns;
};

// The first character of a text that is not empty.
Character
FirstOf(std::string_view text)
{
	wchar_t code = 0;
	std::mbstate_t state = {};
	size_t bytes = std::mbrtowc(&code, text.data(), text.size(), &state);
	if (bytes == 0 || bytes > text.size()) // a null byte, or no UTF-8
		return {kReplacement, 1, 1};
	int columns = wcwidth(code);
	if (columns < 0)
		return {kReplacement, bytes, 1};
	return {text.substr(0, bytes), bytes, columns};
}

// How much room a text of which `rest` is left may take: all if it fits, else one column is kept for the mark.
bool
Fits(std::string_view rest, int room)
{
	while (!rest.empty() && room >= 0) {
		Character next = FirstOf(rest);
		rest.remove_prefix(next.bytes);
		room -= next.columns;
	}
	return room >= 0;
}

} // namespace

void
Printable::Add(std::string_view text, const char *colour)
{
	if (left_ <= 0 || text.empty())
		return;
	Utf8Locale utf8;
	if (colours_)
		text_ += colour;
	bool fits = Fits(text, left_);
	int room = fits ? left_ : left_ - 1;
	while (!text.empty()) {
		Character next = FirstOf(text);
		if (next.columns > room)
			break;
		text_ += next.shown;
		room -= next.columns;
		text.remove_prefix(next.bytes);
	}
	if (!fits)
		text_ += kMore;
	left_ = fits ? room : 0;
	if (colours_ && *colour != '\0')
		text_ += "\033[0m";
}

} // namespace txsync::client
