#include "api/row_move.h"

#include "pg/call.h"

#include <cstring>
#include <functional>

extern "C" {
#include "access/xact.h"
}

namespace txsync::api {

namespace {

// A row that is about to be changed.
struct LastUpdate
{
	Oid relation;
	ItemPointerData row;
	SubTransactionId subtransaction;
	TransactionId transaction;

	static LastUpdate
	Of(Relation relation, HeapTuple row)
	{
		return {RelationGetRelid(relation), row->t_self, GetCurrentSubTransactionId(), GetTopTransactionId()};
	}

	bool
	operator==(const LastUpdate &other) const
	{
		return relation == other.relation && subtransaction == other.subtransaction &&
			   transaction == other.transaction && std::memcmp(&row, &other.row, sizeof row) == 0;
	}
};

constinit LastUpdate last_update = {};

// Digests of versions; 0: none.
struct Moving
{
	size_t versions; // that the last update gave
	size_t expected; // of the row that is moving, by the next insert
	SubTransactionId subtransaction;
	TransactionId transaction;
};

constinit Moving moving = {};

size_t
Digest(std::string_view bytes)
{
	return std::hash<std::string_view>()(bytes) | 1;
}

} // namespace

void
NoteUpdate(Relation partition, HeapTuple row)
{
	last_update = pg::Call([&] { return LastUpdate::Of(partition, row); });
}

void
NoteVersions(std::string_view versions)
{
	moving = {};
	moving.versions = Digest(versions);
}

bool
Leaves(Relation partition, HeapTuple row)
{
	if (pg::Call([&] { return LastUpdate::Of(partition, row); }) != last_update)
		return false;
	moving.expected = moving.versions;
	moving.subtransaction = GetCurrentSubTransactionId();
	moving.transaction = GetTopTransactionIdIfAny();
	return true;
}

bool
Arrives(const RowTable &table, TupleDesc desc, HeapTuple row)
{
	if (moving.expected == 0 || moving.transaction != GetTopTransactionIdIfAny() ||
		moving.subtransaction != GetCurrentSubTransactionId())
		return false;
	Value versions = Fetch(row, desc, table.versions);
	if (versions.null || Digest(pg::Image(versions.datum, table.versions.layout)) != moving.expected)
		return false;
	moving.expected = 0;
	return true;
}

} // namespace txsync::api
