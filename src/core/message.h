#pragma once
// What is told in transactional logical messages with the prefix `txsync`: by the row trigger, just before a row, what
// the WAL of the row itself cannot tell; and what no row tells. docs/format.md gives the bytes.

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

// What stands for itself. Anybody can write messages, so it counts only under a seal of its content.
struct Sealed
{
	enum class Kind : char
	{
		kEvent = 'E',      // what emit() said: an Event
		kVisibility = 'V', // of reshare(): Entities that others may see now, or not any more
		kBackfill = 'B',   // of backfill(): Entities that were there before anything was told of them
	};
	static constexpr size_t kSealBytes = 32;

	Kind kind = Kind::kEvent;
	std::string_view seal;    // of the content, made for the kind's purpose
	std::string_view content; // the transaction that it is of, and the body
};

// What the seal of a message of this kind is for.
std::string_view PurposeOf(Sealed::Kind kind);

// Content begins with the number of the transaction, without its subtransactions; the body follows.
void BeginContent(Buffer &content, uint32_t transaction);

// Nothing for what another transaction has said.
std::optional<std::string_view> BodyOf(std::string_view content, uint32_t transaction);

// Texts in the database's encoding.
struct Event
{
	static constexpr size_t kMaxTopic = 255;
	static constexpr size_t kMaxKey = 1024;
	static constexpr size_t kMaxPayload = size_t{1} << 20;

	std::string_view topic;
	std::string_view key = {};            // data() == nullptr: null
	std::string_view transaction_id = {}; // of the mutation that was declared; data() == nullptr: none was
	std::string_view source_id = {};
	std::string_view payload = {}; // JSON; data() == nullptr: null
};

// Entities of one table, one behind the other.
struct Entities
{
	uint32_t relation = 0;
	std::string_view list; // for TakeEntity()
};

struct ListedEntity
{
	std::string_view id;
	std::string_view organization = {}; // data() == nullptr: null
};

void Write(Buffer &out, const Hint &hint);
void Write(Buffer &out, const Annotate &annotate);
void Write(Buffer &out, const Sealed &sealed);

// Bodies.
void Write(Buffer &out, const Event &event);
void BeginEntities(Buffer &out, uint32_t relation);
void Write(Buffer &out, const ListedEntity &entity);

// A view into `message`; nothing for bytes that Write() would not have written.
std::optional<Hint> ParseHint(std::string_view message);
std::optional<Annotate> ParseAnnotate(std::string_view message);
std::optional<Sealed> ParseSealed(std::string_view message);
std::optional<Event> ParseEvent(std::string_view body);
std::optional<Entities> ParseEntities(std::string_view body);

// The first of the list, which is taken off it; nothing at its end.
std::optional<ListedEntity> TakeEntity(std::string_view &list);

} // namespace txsync::core
