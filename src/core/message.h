#pragma once
// What the row trigger tells the decoder where the WAL of the row itself cannot: a transactional logical message with
// the prefix `txsync`, written just before the row. docs/format.md gives the bytes.

#include "core/buffer.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace txsync::core {

inline constexpr char kMessagePrefix[] = "txsync";

struct Hint
{
	enum class Kind : char
	{
		kDelete = 'D',   // a row is about to be deleted: its organization, and the tx that declared it
		kOrg = 'O',      // an update is about to change the organization: the old one
		kLeftover = 'L', // an update in replica role brings the tx that the row had: it is not this update's
		kMove =
			'M', // the delete that follows is half of a move between partitions; the insert of the same id is the other
	};

	Kind kind = Kind::kDelete;
	uint32_t relation = 0;                // OID of the table that the row is stored in
	std::string_view key;                 // the id columns before the change, one KeyPart after the other
	std::string_view organization = {};   // the organization column's text; data() == nullptr: null
	std::string_view transaction_id = {}; // of the tx that declared a delete; data() == nullptr: none did
	std::string_view source_id = {};
	std::string_view version = {}; // of a delete: the id that is now the entity's last; data() == nullptr: unknown
	uint64_t row_version = 0;      // of a delete; 0: unknown
};

// Adds one id column to a key. Images are the values' bytes as the server stores them, not their texts: those would
// depend on settings of whoever writes. A long one is only told by its length and a digest: keys may be as large as any
// value, and are only compared.
void AppendKeyPart(Buffer &key, std::string_view image);

// What annotate() said: an object for every following change of the transaction, until the subtransaction is rolled
// back.
struct Annotate
{
	static constexpr size_t kMaxBytes = 8192; // of the object

	std::string_view object; // JSON, in the database's encoding; empty: none from here on
};

void Write(Buffer &out, const Hint &hint);
void Write(Buffer &out, const Annotate &annotate);

// A view into `message`; nothing for bytes that Write() would not have written.
std::optional<Hint> ParseHint(std::string_view message);
std::optional<Annotate> ParseAnnotate(std::string_view message);

} // namespace txsync::core
