#include "api/table.h"

#include "api/user_domain.h"
#include "pg/compat.h"
#include "pg/root.h"
#include "pg/trigger.h"

extern "C" {
#include "access/genam.h"
#include "access/sysattr.h"
#include "catalog/catalog.h"
#include "catalog/partition.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "nodes/bitmapset.h"
#include "utils/lsyscache.h"
}

namespace txsync::api {

using pg::Failure;

std::string
Quoted(std::string_view name)
{
	return "\"" + std::string(name) + "\"";
}

void
Table::RequireColumn(std::string_view name) const
{
	if (Column(name) == nullptr)
		throw Failure{ERRCODE_UNDEFINED_COLUMN, "column " + Quoted(name) + " of table " + Label() + " does not exist"};
}

std::vector<std::string>
PrimaryKey(const Table &table)
{
	struct Key
	{
		AttrNumber columns[INDEX_MAX_KEYS];
		int count;
	};
	Key key = pg::Call([&] {
		Key found = {};
		list_free(RelationGetIndexList(table.Rel()));
		if (!OidIsValid(table.Rel()->rd_pkindex))
			return found;
		Relation index = index_open(table.Rel()->rd_pkindex, AccessShareLock);
		for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); i++)
			found.columns[found.count++] = index->rd_index->indkey.values[i];
		index_close(index, AccessShareLock);
		return found;
	});
	std::vector<std::string> names;
	for (int i = 0; i < key.count; i++)
		names.emplace_back(NameStr(TupleDescAttr(RelationGetDescr(table.Rel()), key.columns[i] - 1)->attname));
	return names;
}

void
RequireOwnTable(Oid relation)
{
	const char *name = pg::Call([&] { return get_rel_name(relation); });
	if (name == nullptr)
		throw Failure{ERRCODE_UNDEFINED_TABLE, "relation with OID " + std::to_string(relation) + " does not exist"};
	char kind = pg::Call([&] { return get_rel_relkind(relation); });
	if (kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE)
		throw Failure{ERRCODE_WRONG_OBJECT_TYPE, Quoted(name) + " is not a table",
					  "Only tables and partitioned tables have the WAL and the row triggers that tracking needs."};
	if (IsCatalogRelationOid(relation))
		throw Failure{ERRCODE_WRONG_OBJECT_TYPE, Quoted(name) + " is a system table"};
	if (!pg::Call([&] { return pg::OwnsRelation(relation, GetUserId()); }))
		throw Failure{ERRCODE_INSUFFICIENT_PRIVILEGE, "must be owner of table " + Quoted(name)};
}

void
RequireNoPartition(const Table &table)
{
	if (!table.Rel()->rd_rel->relispartition)
		return;
	Oid root = pg::RootOf(table.Rel());
	if (root != table.Id())
		throw Failure{ERRCODE_WRONG_OBJECT_TYPE, table.Label() + " is a partition",
					  "Partitioned tables are tracked by their root.",
					  "SELECT txsync.track(" + pg::QuoteLiteral(pg::QualifiedName(root)) + ");"};
	std::string parent = pg::QualifiedName(pg::Call([&] { return get_partition_parent(table.Id(), true); }));
	throw Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, table.Label() + " is still being detached",
				  "A DETACH CONCURRENTLY has not come to its end.",
				  "ALTER TABLE " + parent + " DETACH PARTITION " + table.Sql() + " FINALIZE;"};
}

void
RequireLogged(const Table &table)
{
	// Only a partition can be one here.
	if (table.Rel()->rd_rel->relkind == RELKIND_FOREIGN_TABLE)
		throw Failure{ERRCODE_WRONG_OBJECT_TYPE, table.Label() + " is a foreign table",
					  "Its changes are not in the WAL."};
	char persistence = table.Rel()->rd_rel->relpersistence;
	if (persistence == RELPERSISTENCE_TEMP)
		throw Failure{ERRCODE_WRONG_OBJECT_TYPE, table.Label() + " is a temporary table",
					  "Its changes are not in the WAL."};
	if (persistence == RELPERSISTENCE_UNLOGGED)
		throw Failure{ERRCODE_WRONG_OBJECT_TYPE, table.Label() + " is an unlogged table",
					  "Its changes are not in the WAL.", "ALTER TABLE " + table.Sql() + " SET LOGGED;"};
}

void
RequireNotNull(const Table &table, const std::string &column)
{
	if (!table.Column(column)->attnotnull)
		throw Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					  "id column " + Quoted(column) + " of table " + table.Label() + " may be null",
					  "An entity without an id has no name.",
					  "ALTER TABLE " + table.Sql() + " ALTER COLUMN " + pg::QuoteIdentifier(column.c_str()) +
						  " SET NOT NULL;"};
}

void
RequireIdType(const Table &table, const std::string &column)
{
	Oid type = pg::Call([&] { return getBaseType(table.Column(column)->atttypid); });
	bool is_made_of_others = pg::Call([&] { return OidIsValid(get_element_type(type)) || type_is_rowtype(type); });
	if (is_made_of_others || HasUserDomain(type))
		throw Failure{ERRCODE_FEATURE_NOT_SUPPORTED,
					  "id column " + Quoted(column) + " of table " + table.Label() + " has a type that names no entity",
					  "It is an array, a composite type, or a range over a domain.",
					  "Name another unique column: id_column."};
}

namespace {

struct ColumnSet
{
	bool everything = false;
	const Bitmapset *members = nullptr; // offset by FirstLowInvalidHeapAttributeNumber

	bool
	Has(Form_pg_attribute column) const
	{
		return everything || bms_is_member(column->attnum - FirstLowInvalidHeapAttributeNumber, members);
	}
};

ColumnSet
IdentityOf(const Table &table)
{
	if (table.Rel()->rd_rel->relreplident == REPLICA_IDENTITY_FULL)
		return {true, nullptr};
	return {false, pg::Call([&] { return RelationGetIndexAttrBitmap(table.Rel(), INDEX_ATTR_BITMAP_IDENTITY_KEY); })};
}

// An index that REPLICA IDENTITY USING INDEX takes and that has the column, the one with the fewest columns; empty if
// there is none.
std::string
IdentityIndexWith(const Table &table, AttrNumber column)
{
	auto may_be_identity = [&](Relation index) {
		if (!index->rd_index->indisunique || !index->rd_index->indimmediate || !index->rd_index->indisvalid ||
			RelationGetIndexPredicate(index) != NIL)
			return false;
		bool has = false;
		for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); i++) {
			AttrNumber member = index->rd_index->indkey.values[i];
			if (member <= 0 || !TupleDescAttr(RelationGetDescr(table.Rel()), member - 1)->attnotnull)
				return false;
			has = has || member == column;
		}
		return has;
	};
	const char *best = pg::Call([&] {
		const char *name = "";
		int fewest = INDEX_MAX_KEYS + 1;
		List *indexes = RelationGetIndexList(table.Rel());
		for (int i = 0; i < list_length(indexes); i++) {
			Relation index = index_open(list_nth_oid(indexes, i), AccessShareLock);
			int columns = IndexRelationGetNumberOfKeyAttributes(index);
			if (columns < fewest && may_be_identity(index)) {
				name = pstrdup(RelationGetRelationName(index));
				fewest = columns;
			}
			index_close(index, AccessShareLock);
		}
		return name;
	});
	return best;
}

// A delete's WAL has only the replica identity, so the id must be in it.
void
RequireIdInIdentity(const Table &table, const core::Tracking &tracking)
{
	ColumnSet identity = IdentityOf(table);
	for (const std::string &id : tracking.id_columns) {
		Form_pg_attribute column = table.Column(id);
		if (column != nullptr && identity.Has(column))
			continue;
		bool key_suffices = pg::Call([&] {
			const Bitmapset *key = RelationGetIndexAttrBitmap(table.Rel(), INDEX_ATTR_BITMAP_PRIMARY_KEY);
			return column != nullptr && bms_is_member(column->attnum - FirstLowInvalidHeapAttributeNumber, key);
		});
		std::string index = key_suffices || column == nullptr ? "" : IdentityIndexWith(table, column->attnum);
		std::string mends = key_suffices ? "DEFAULT;" : "FULL;";
		if (!index.empty())
			mends = "USING INDEX " + pg::QuoteIdentifier(index.c_str()) + "; -- or FULL, which tells changedKeys, too";
		throw Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
					  "id column " + Quoted(id) + " is not in the replica identity of table " + table.Label(),
					  "The WAL of a delete would not tell which entity it was.",
					  "ALTER TABLE " + table.Sql() + " REPLICA IDENTITY " + mends};
	}
}

} // namespace

void
RequireDecodable(const Table &root, const core::Tracking &tracking)
{
	struct Members
	{
		Oid *oids;
		int count;
	};
	Members members = pg::Call([&] {
		List *all = find_all_inheritors(root.Id(), AccessShareLock, nullptr);
		Members list = {static_cast<Oid *>(palloc(sizeof(Oid) * static_cast<size_t>(list_length(all)))),
						list_length(all)};
		for (int i = 0; i < list.count; i++)
			list.oids[i] = list_nth_oid(all, i);
		return list;
	});
	bool partitioned = root.Rel()->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
	for (int i = 0; i < (partitioned ? members.count : 1); i++) {
		Table member(members.oids[i], AccessShareLock);
		RequireLogged(member);
		if (member.Rel()->rd_rel->relkind == RELKIND_RELATION)
			RequireIdInIdentity(member, tracking);
	}
}

std::vector<std::string>
VersionedColumns(const Table &table)
{
	std::vector<std::string> names;
	TupleDesc desc = RelationGetDescr(table.Rel());
	for (int i = 0; i < desc->natts; i++) {
		Form_pg_attribute column = TupleDescAttr(desc, i);
		std::string_view name = NameStr(column->attname);
		if (!column->attisdropped && column->attgenerated == '\0' && name != pg::kTxColumn &&
			name != pg::kVersionsColumn)
			names.emplace_back(name);
	}
	return names;
}

namespace {

void
RequireOwnColumn(const Table &table, const char *name, Oid type, const char *type_name)
{
	Form_pg_attribute column = table.Column(name);
	if (column == nullptr)
		return;
	std::string label = "column " + Quoted(name) + " of table " + table.Label();
	std::string alter = "ALTER TABLE " + table.Sql();
	if (column->atttypid != type)
		throw Failure{ERRCODE_DATATYPE_MISMATCH,
					  label + " is not of type " + type_name,
					  {},
					  alter + " RENAME COLUMN " + name + " TO " + name + "_old;"};
	if (column->attgenerated != '\0')
		throw Failure{ERRCODE_WRONG_OBJECT_TYPE,
					  label + " is a generated column",
					  {},
					  alter + " ALTER COLUMN " + name + " DROP EXPRESSION;"};
	if (column->attnotnull)
		throw Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, label + " is marked not null",
					  "It is null wherever a write declares nothing.",
					  alter + " ALTER COLUMN " + name + " DROP NOT NULL;"};
}

} // namespace

void
RequireTxColumns(const Table &table)
{
	RequireOwnColumn(table, pg::kTxColumn, JSONBOID, "jsonb");
	RequireOwnColumn(table, pg::kVersionsColumn, BYTEAOID, "bytea");
}

void
RequireTriggerName(const Table &table)
{
	bool taken = pg::Call([&] { return OidIsValid(get_trigger_oid(table.Id(), pg::kRowTriggerName, true)); });
	if (taken && pg::FindRowTrigger(table.Rel()) == nullptr)
		throw Failure{
			ERRCODE_DUPLICATE_OBJECT,
			"table " + table.Label() + " has a trigger " + Quoted(pg::kRowTriggerName) + " that is not txsync's",
			{},
			std::string("ALTER TRIGGER ") + pg::kRowTriggerName + " ON " + table.Sql() + " RENAME TO zz_txsync_old;"};
}

} // namespace txsync::api
