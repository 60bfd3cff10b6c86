// Whatever the bytes are, entries lie within their container; and a tx that is read is a sound one.

#include "core/jsonb.h"

#include "fuzz/require.h"

using txsync::core::JsonbContainer;
using txsync::core::JsonbEntry;
using txsync::core::ReadTx;
using txsync::core::Tx;
using txsync::fuzz::Require;

namespace {

bool
Within(std::string_view part, std::string_view whole)
{
	return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

void Walk(std::string_view bytes, int &budget);

void
WalkEntries(JsonbContainer::Cursor cursor, uint32_t count, std::string_view bytes, int &budget)
{
	for (uint32_t i = 0; i < count && budget-- > 0; i++) {
		JsonbEntry entry = cursor.Next();
		if (entry.kind == JsonbEntry::Kind::kDamaged)
			continue;
		Require(Within(entry.bytes, bytes));
		if (entry.kind == JsonbEntry::Kind::kContainer)
			Walk(entry.bytes, budget);
	}
}

// Damaged offsets can make containers overlap, and many of them: the walk ends when its budget does.
void
Walk(std::string_view bytes, int &budget)
{
	JsonbContainer container(bytes);
	WalkEntries(container.First(), container.Count(), bytes, budget);
	if (container.IsObject())
		WalkEntries(container.Values(), container.Count(), bytes, budget);
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	std::string_view bytes(reinterpret_cast<const char *>(data), size);
	int budget = 1000;
	Walk(bytes, budget);
	Tx tx;
	if (ReadTx(bytes, tx) == nullptr) {
		Require(Defect(tx) == nullptr && Within(tx.transaction_id, bytes) && Within(tx.source_id, bytes));
		Require(tx.changed_field.data() == nullptr || Within(tx.changed_field, bytes));
	}
	return 0;
}
