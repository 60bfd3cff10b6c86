#pragma once
// A table of the extension's own, with a unique index on columns of text, read and written past SQL: who uses the
// extension needs no rights on it, and rows that are added are in nobody's logical decoding.

#include "pg/call.h"
#include "pg/compat.h"

#include <span>

extern "C" {
#include "access/genam.h"
#include "access/relation.h"
#include "executor/tuptable.h"
#include "storage/itemptr.h"
#include "storage/lock.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
}

namespace txsync::api {

// Open for a scope. Locks for writing are kept until the transaction ends; after an error that closes everything.
class KeyedTable
{
public:
	KeyedTable(Oid oid, std::span<const AttrNumber> key, LOCKMODE lock);
	KeyedTable(const KeyedTable &) = delete;
	~KeyedTable();

	// False if the table is gone: nothing else may be called then.
	bool
	IsThere() const
	{
		return table_ != nullptr;
	}

	Oid
	Id() const
	{
		return RelationGetRelid(table_);
	}

	// The row of a key that a snapshot sees, copied; null if there is none.
	HeapTuple Find(std::span<const Datum> key, Snapshot snapshot) const;
	bool Has(std::span<const Datum> key, Snapshot snapshot) const;

	// The row of a key, as committed or our own; or the transaction that is about to write or remove it, to be waited
	// for. What to do next is decided under a KeyLock.
	struct Present
	{
		HeapTuple row = nullptr;
		TransactionId running = InvalidTransactionId;
	};
	Present FindPresent(std::span<const Datum> key) const;

	// For all columns.
	ItemPointerData Insert(const Datum *values, const bool *nulls);

	// Of a row that nobody else can have locked; columns count from 1 and are not part of the key.
	ItemPointerData Update(ItemPointerData row, std::span<const int> columns, const Datum *values, const bool *nulls);

	TupleDesc
	Desc() const
	{
		return RelationGetDescr(table_);
	}

private:
	IndexScanDesc Begin(std::span<const Datum> key, Snapshot snapshot, ScanKeyData *keys) const;
	template <class F>
	bool Look(std::span<const Datum> key, Snapshot snapshot, F &&f) const;
	void OpenIndexes(std::span<const AttrNumber> key);
	void AddToKey(HeapTuple row);
	void AddToIndexes(HeapTuple row);

	Relation table_;
	Relation index_ = nullptr; // of the key
	List *indexes_ = NIL;      // all that rows are to be in: somebody may build one anew, or add one
	LOCKMODE lock_;
};

// Who looks for a key and then writes its row does both under this lock, so that nobody else comes in between. It is
// not held any longer: who finds the row in the hands of a running transaction waits for that.
class KeyLock
{
public:
	explicit KeyLock(std::string_view key);
	KeyLock(const KeyLock &) = delete;
	~KeyLock();

private:
	LOCKTAG tag_;
};

} // namespace txsync::api
