#include "api/table_walk.h"

#include "core/versions.h"
#include "pg/image.h"
#include "pg/trigger.h"

#include <algorithm>

extern "C" {
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "storage/bufmgr.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace txsync::api {

namespace {

// What a transaction reads at once.
constexpr int64_t kBlocks = 32;

// A table that holds rows, or nothing if it is not there any more.
struct Held
{
	Oid storage = InvalidOid;
	int64_t blocks = 0;
};

Held
Look(Oid table)
{
	return pg::Call([&]() -> Held {
		Relation relation = try_relation_open(table, AccessShareLock);
		if (relation == nullptr)
			return {};
		Held held;
		if (relation->rd_rel->relkind == RELKIND_RELATION)
			held = {relation->rd_rel->relfilenode, int64_t{RelationGetNumberOfBlocks(relation)}};
		relation_close(relation, NoLock);
		return held;
	});
}

// Itself, or its partitions, in the order of their OIDs. Children by inheritance are tables of their own.
std::vector<Oid>
TablesOf(Oid root)
{
	if (pg::Call([&] { return get_rel_relkind(root); }) != RELKIND_PARTITIONED_TABLE)
		return {root};
	const List *all = pg::Call([&] { return find_all_inheritors(root, NoLock, nullptr); });
	std::vector<Oid> tables;
	for (int i = 0; i < list_length(all); i++)
		tables.push_back(list_nth_oid(all, i));
	std::ranges::sort(tables);
	return tables;
}

// The id columns, then the organization's and that of the versions, where there are any.
std::string
Columns(const Entity &entity)
{
	std::string list = "SELECT t.ctid";
	for (const std::string &name : entity.tracking.id_columns)
		list += ", t." + pg::QuoteIdentifier(name.c_str());
	list +=
		", " + (entity.tracking.org_column.empty() ? std::string("NULL")
												   : "t." + pg::QuoteIdentifier(entity.tracking.org_column.c_str()));
	return list + ", " + (entity.tracking.tx ? std::string("t.") + pg::kVersionsColumn : std::string("NULL::bytea"));
}

std::optional<std::string>
Text(HeapTuple row, int column)
{
	const char *text = pg::Call([&] { return SPI_getvalue(row, SPI_tuptable->tupdesc, column); });
	return text != nullptr ? std::optional<std::string>(text) : std::nullopt;
}

// As the decoder tells it: a row that was never updated has no versions.
int64_t
RowVersion(const Entity &entity, HeapTuple row, int column)
{
	if (!entity.tracking.tx)
		return 0;
	std::string_view bytes = pg::Call([&]() -> std::string_view {
		bool null = true;
		Datum value = SPI_getbinval(row, SPI_tuptable->tupdesc, column, &null);
		if (null)
			return {};
		return pg::BytesOf(PG_DETOAST_DATUM(value));
	});
	if (bytes.data() == nullptr)
		return 1;
	std::optional<core::Versions> versions = core::Versions::Parse(bytes);
	return versions ? static_cast<int64_t>(versions->RowVersion()) : 0;
}

std::vector<HeldRow>
Results(const Entity &entity)
{
	pg::PinnedScope pinned(true);
	std::vector<HeldRow> rows;
	for (uint64_t i = 0; i < SPI_processed; i++) {
		HeapTuple row = SPI_tuptable->vals[i];
		HeldRow held;
		held.at = pg::Call([&] {
			bool null = false;
			return *reinterpret_cast<ItemPointer>(DatumGetPointer(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &null)));
		});
		std::vector<std::string> id;
		int column = 2;
		while (id.size() < entity.tracking.id_columns.size())
			id.push_back(Text(row, column++).value_or(""));
		held.id = IdReader::Join(id);
		held.organization = Text(row, column);
		held.row_version = RowVersion(entity, row, column + 1);
		rows.push_back(std::move(held));
	}
	return rows;
}

std::vector<HeldRow>
Run(const Entity &entity, Oid table, const std::string &sql)
{
	pg::RoleScope as_owner(pg::OwnerOf(table), SECURITY_NOFORCE_RLS);
	pg::Spi spi;
	spi.Execute(sql);
	return Results(entity);
}

std::string
Tid(int64_t block, int offset)
{
	return "'(" + std::to_string(block) + "," + std::to_string(offset) + ")'::pg_catalog.tid";
}

} // namespace

std::optional<Piece>
NextPiece(Oid root, Place &place)
{
	for (Oid table : TablesOf(root)) {
		if (table < place.table)
			continue;
		Held held = Look(table);
		if (table != place.table || held.storage != place.storage)
			place = {table, held.storage, 0};
		if (place.block >= held.blocks)
			continue;
		Piece piece{table, place.block, std::min(place.block + kBlocks, held.blocks)};
		place.block = piece.to;
		return piece;
	}
	return std::nullopt;
}

int64_t
CountBlocks(Oid root)
{
	int64_t blocks = 0;
	for (Oid table : TablesOf(root))
		blocks += Look(table).blocks;
	return blocks;
}

std::vector<HeldRow>
ReadRows(const Entity &entity, const Piece &piece)
{
	return Run(entity, piece.table,
			   Columns(entity) + " FROM ONLY " + pg::QualifiedName(piece.table) +
				   " t WHERE t.ctid OPERATOR(pg_catalog.>=) " + Tid(piece.from, 0) +
				   " AND t.ctid OPERATOR(pg_catalog.<) " + Tid(piece.to, 0));
}

std::vector<HeldRow>
LockRows(const Entity &entity, Oid table, const std::vector<HeldRow> &rows)
{
	std::string places;
	for (const HeldRow &row : rows)
		places += (places.empty() ? "" : ", ") +
				  Tid(ItemPointerGetBlockNumberNoCheck(&row.at), ItemPointerGetOffsetNumberNoCheck(&row.at));
	return Run(entity, table,
			   Columns(entity) + " FROM ONLY " + pg::QualifiedName(table) +
				   " t WHERE t.ctid OPERATOR(pg_catalog.=) ANY (ARRAY[" + places + "]) FOR SHARE SKIP LOCKED");
}

std::vector<HeldRow>
FindRows(const Entity &entity, const EntityKey &key)
{
	std::string sql = Columns(entity) + " FROM " + entity.rows + " t WHERE " + entity.ids.Condition();
	pg::RoleScope as_owner(pg::OwnerOf(entity.relation), SECURITY_NOFORCE_RLS);
	pg::Spi spi;
	spi.Execute(entity.Plan(sql), sql.c_str(), key.values);
	return Results(entity);
}

} // namespace txsync::api
