#pragma once
// A table that is to be tracked, and what it must be for that: each Require… throws a pg::Failure with the statement
// that mends it.

#include "core/tracking.h"
#include "pg/spi.h"

extern "C" {
#include "access/relation.h"
#include "utils/rel.h"
}

namespace txsync::api {

// A name as messages quote it.
std::string Quoted(std::string_view name);

// A table that is held open; its lock is kept until the transaction ends.
class Table
{
public:
	Table(Oid oid, LOCKMODE lock)
		: relation_(pg::Call([&] { return relation_open(oid, lock); }))
		, name_(pg::QualifiedName(oid))
	{}
	Table(const Table &) = delete;
	~Table()
	{
		relation_close(relation_, NoLock);
	}

	Relation
	Rel() const
	{
		return relation_;
	}

	Oid
	Id() const
	{
		return RelationGetRelid(relation_);
	}

	// For messages: bare and quoted; for statements: with its schema.
	std::string
	Label() const
	{
		return Quoted(RelationGetRelationName(relation_));
	}

	const std::string &
	Sql() const
	{
		return name_;
	}

	Form_pg_attribute
	Column(std::string_view name) const
	{
		TupleDesc desc = RelationGetDescr(relation_);
		for (int i = 0; i < desc->natts; i++) {
			Form_pg_attribute attribute = TupleDescAttr(desc, i);
			if (!attribute->attisdropped && name == NameStr(attribute->attname))
				return attribute;
		}
		return nullptr;
	}

	void RequireColumn(std::string_view name) const;

private:
	Relation relation_;
	std::string name_;
};

std::vector<std::string> PrimaryKey(const Table &table);

// A table, not a system table, of which the current role is an owner. Asks the catalog without any lock, so that
// whoever may do nothing with a table cannot make others wait for it: to be asked again once it is locked.
void RequireOwnTable(Oid relation);

void RequireNoPartition(const Table &table);

// Neither temporary nor unlogged nor foreign.
void RequireLogged(const Table &table);

void RequireNotNull(const Table &table, const std::string &column);

// Many ids can be looked up at a time, without code of whoever made their type.
void RequireIdType(const Table &table, const std::string &column);

// It and each of its partitions is logged, and has the id in its replica identity.
void RequireDecodable(const Table &root, const core::Tracking &tracking);

// Columns that have versions are numbered: all but tx, the versions themselves, and what the server generates.
std::vector<std::string> VersionedColumns(const Table &table);

// Its columns tx and tx_versions, where it has them, are such that the trigger can work with them.
void RequireTxColumns(const Table &table);

// No other's trigger has our trigger's name: it would be replaced.
void RequireTriggerName(const Table &table);

} // namespace txsync::api
