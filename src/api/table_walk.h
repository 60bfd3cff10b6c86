#pragma once
// A tracked table from its first block to its last, piece by piece, each in a transaction of its own: whatever its ids
// are, and without an index. What an update moves to blocks that were read already is told by itself.

#include "api/entity.h"

extern "C" {
#include "storage/block.h"
#include "storage/itemptr.h"
}

namespace txsync::api {

// How far it was read.
struct Place
{
	Oid table = InvalidOid;   // with rows: itself, or a partition of it
	Oid storage = InvalidOid; // its file: another one means that its rows stand elsewhere now
	int64_t block = 0;        // the next one
};

struct Piece
{
	Oid table;
	int64_t from;
	int64_t to; // not in it
};

// The next blocks, with `place` behind them; nothing at the end.
std::optional<Piece> NextPiece(Oid root, Place &place);

// How many blocks there are in all.
int64_t CountBlocks(Oid root);

// What matters of an entity's row here.
struct HeldRow
{
	ItemPointerData at;
	std::string id; // as the decoder writes it
	std::optional<std::string> organization;
	int64_t row_version = 0; // 0: not known
};

// All of these see the rows as their table's owner does.
std::vector<HeldRow> ReadRows(const Entity &entity, const Piece &piece);

// Of these rows those that nobody is writing, locked so that nobody will before this transaction ends.
std::vector<HeldRow> LockRows(const Entity &entity, Oid table, const std::vector<HeldRow> &rows);

// By the id, wherever they are.
std::vector<HeldRow> FindRows(const Entity &entity, const EntityKey &key);

} // namespace txsync::api
