// Whatever the text is, what is written of it is a sound container of as many members as it says.

#include "core/jsonb_text.h"

#include "core/jsonb.h"
#include "fuzz/require.h"

using txsync::core::Buffer;
using txsync::core::JsonbContainer;
using txsync::core::JsonbEntry;
using txsync::fuzz::Require;

namespace {

void Walk(std::string_view bytes);

void
WalkEntries(JsonbContainer::Cursor cursor, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		JsonbEntry entry = cursor.Next();
		Require(entry.kind != JsonbEntry::Kind::kDamaged);
		if (entry.kind == JsonbEntry::Kind::kContainer)
			Walk(entry.bytes);
	}
}

void
Walk(std::string_view bytes)
{
	JsonbContainer container(bytes);
	WalkEntries(container.First(), container.Count());
	if (container.IsObject())
		WalkEntries(container.Values(), container.Count());
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	Buffer out;
	auto numeric = [](Buffer &to, std::string_view) { to.Append("1234"); };
	if (txsync::core::WriteJsonb(out, {reinterpret_cast<const char *>(data), size}, numeric))
		Walk(out.View());
	return 0;
}
