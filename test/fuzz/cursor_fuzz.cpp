// One cursor has one text: what parses is what would have been written, as bytes and for URLs.

#include "core/base64.h"
#include "core/cursor.h"

#include "fuzz/require.h"

using txsync::core::Buffer;
using txsync::fuzz::Require;

extern "C" int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	std::string_view input(reinterpret_cast<const char *>(data), size);
	if (auto cursor = txsync::core::ParseCursor(input)) {
		Buffer out;
		Write(out, *cursor);
		Require(out.View() == input);
		Require(cursor->entity_types.Includes(cursor->entity_types));
	}

	if (auto bytes = txsync::core::FromBase64Url(input)) {
		Buffer text;
		AppendBase64Url(text, *bytes);
		Require(text.View() == input);
	}

	Buffer text;
	AppendBase64Url(text, input);
	Require(txsync::core::FromBase64Url(text.View()) == input);
	return 0;
}
