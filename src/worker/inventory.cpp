#include "worker/inventory.h"

#include "decoder/plan.h"
#include "decoder/row.h"
#include "pg/encoding.h"
#include "pg/memory.h"
#include "pg/spi.h"
#include "pg/trigger.h"

extern "C" {
#include "access/heapam.h"
#include "access/detoast.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/queryenvironment.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
}

namespace txsync::worker {

namespace {

// What an entity's row says, as far as it matters here.
struct Held
{
	std::string_view entity_id;
	std::string_view organization_id;
	bool recent = false;
};

// Rows on their way into a query, which knows them as the table `held`; on disk when they are many.
class HeldRows
{
public:
	HeldRows()
	{
		pg::Call([&] {
			desc_ = CreateTemplateTupleDesc(3);
			TupleDescInitEntry(desc_, 1, "entity_id", TEXTOID, -1, 0);
			TupleDescInitEntry(desc_, 2, "org_id", TEXTOID, -1, 0);
			TupleDescInitEntry(desc_, 3, "recent", BOOLOID, -1, 0);
			TupleDescInitEntryCollation(desc_, 1, C_COLLATION_OID);
			TupleDescInitEntryCollation(desc_, 2, C_COLLATION_OID);
			rows_ = tuplestore_begin_heap(true, false, work_mem);
		});
	}
	HeldRows(const HeldRows &) = delete;

	void
	Add(const Held &row)
	{
		pg::Call([&] {
			Datum values[] = {Text(row.entity_id), Text(row.organization_id), BoolGetDatum(row.recent)};
			bool nulls[] = {false, row.organization_id.data() == nullptr, false};
			tuplestore_putvalues(rows_, desc_, values, nulls);
		});
	}

	void
	Register()
	{
		pg::Call([&] {
			auto *relation = static_cast<EphemeralNamedRelation>(palloc0(sizeof(EphemeralNamedRelationData)));
			relation->md.name = pstrdup("held");
			relation->md.tupdesc = desc_;
			relation->md.enrtype = ENR_NAMED_TUPLESTORE;
			relation->md.enrtuples = static_cast<double>(tuplestore_tuple_count(rows_));
			relation->reldata = rows_;
			if (SPI_register_relation(relation) != SPI_OK_REL_REGISTER)
				elog(ERROR, "could not register the rows of a table");
		});
	}

	void
	End()
	{
		pg::Call([&] {
			SPI_unregister_relation("held");
			tuplestore_end(rows_);
		});
	}

private:
	static Datum
	Text(std::string_view text)
	{
		return text.data() == nullptr ? Datum{0} : PointerGetDatum(pg::TextFromUtf8(text));
	}

	TupleDesc desc_ = nullptr;
	Tuplestorestate *rows_ = nullptr;
};

// Ids are told as the decoder tells them: by its own plans of the tables.
class Tables
{
public:
	explicit Tables(FullTransactionId horizon)
		: horizon_(Recent(horizon))
		, session_(pg::MakeContext(CurrentMemoryContext, "txsync inventory"))
		, values_(session_, pg::MakeContext(session_, "txsync inventory row"), MaxAllocSize, false)
		, plans_(values_, options_, session_)
	{}

	// The rows of a tracked table, or of all partitions of one. One that was dropped meanwhile has none.
	void
	Read(Oid root, pg::Spi &spi, HeldRows &rows)
	{
		Relation tracked = pg::Call([&] { return try_relation_open(root, AccessShareLock); });
		if (tracked == nullptr)
			return;
		bool parted = tracked->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
		List *tables = pg::Call(
			[&] { return parted ? find_all_inheritors(root, AccessShareLock, nullptr) : list_make1_oid(root); });
		for (int i = 0; i < list_length(tables); i++) {
			Oid oid = list_nth_oid(tables, i);
			Relation relation = pg::Call([&] { return table_open(oid, NoLock); });
			if (relation->rd_rel->relkind == RELKIND_RELATION) {
				decoder::Plan *plan = plans_.Of(relation);
				if (plan != nullptr && WasThere(relation, spi))
					Scan(relation, *plan, rows);
			}
			pg::Call([&] { table_close(relation, NoLock); });
		}
		pg::Call([&] { table_close(tracked, NoLock); });
		values_.EndTransaction();
	}

	decoder::Values &
	Values()
	{
		return values_;
	}

private:
	// Whether the snapshot knows the table as one that is tracked. One that was truncated or rewritten since looks
	// empty.
	static bool
	WasThere(Relation relation, pg::Spi &spi)
	{
		if (spi.Execute(
				"SELECT c.relfilenode FROM pg_catalog.pg_class c JOIN pg_catalog.pg_trigger t ON t.tgrelid = c.oid "
				"WHERE t.tgname = 'zz_txsync' AND c.oid = " +
				std::to_string(RelationGetRelid(relation))) == 0)
			return false;
		if (std::stoul(*pg::Spi::Value(1)) != relation->rd_rel->relfilenode)
			throw pg::Failure{ERRCODE_OBJECT_IN_USE, std::string("table \"") + RelationGetRelationName(relation) +
														 "\" was rewritten while its rows were to be read"};
		return true;
	}

	void
	Scan(Relation relation, decoder::Plan &plan, HeldRows &rows)
	{
		TableScanDesc scan = pg::Call([&] { return table_beginscan(relation, GetActiveSnapshot(), 0, nullptr); });
		for (;;) {
			pg::CheckForInterrupts();
			pg::ContextScope scope(values_.Scratch());
			HeapTuple tuple = pg::Call([&] { return heap_getnext(scan, ForwardScanDirection); });
			if (tuple == nullptr)
				break;
			Add(relation, plan, tuple, rows);
			values_.EndChange();
		}
		pg::Call([&] { table_endscan(scan); });
	}

	void
	Add(Relation relation, decoder::Plan &plan, HeapTuple tuple, HeldRows &rows)
	{
		decoder::Row row = decoder::Row::New(plan, RelationGetDescr(relation), tuple);
		for (const decoder::Column &id : plan.ids)
			Fetch(plan, id, row);
		if (plan.org)
			Fetch(plan, *plan.org, row);
		id_.Clear(SIZE_MAX);
		organization_.Clear(SIZE_MAX);
		Held held;
		held.entity_id = decoder::EntityId(values_, id_, plan, row);
		if (plan.org)
			held.organization_id = decoder::ColumnText(values_, organization_, *plan.org, row);
		held.recent = IsRecent(HeapTupleHeaderGetRawXmin(tuple->t_data));
		if (held.entity_id.data() != nullptr)
			rows.Add(held);
	}

	// The plan takes what is stored outside of a row for what an update left there.
	static void
	Fetch(decoder::Plan &plan, const decoder::Column &column, const decoder::Row &row)
	{
		if (!row.IsUnchanged(column))
			return;
		Datum &value = plan.new_values[static_cast<size_t>(column.index)];
		value = pg::Call([&] {
			return PointerGetDatum(detoast_external_attr(reinterpret_cast<struct varlena *>(DatumGetPointer(value))));
		});
	}

	// As rows have it; invalid if that could be taken for a younger one.
	static TransactionId
	Recent(FullTransactionId horizon)
	{
		uint64 next = U64FromFullTransactionId(ReadNextFullTransactionId());
		bool comparable = next - U64FromFullTransactionId(horizon) < static_cast<uint64>(INT32_MAX);
		return comparable ? XidFromFullTransactionId(horizon) : InvalidTransactionId;
	}

	// A frozen row keeps the number of its transaction. One so old that its number counts as young again only makes
	// for an activity too many.
	bool
	IsRecent(TransactionId writer) const
	{
		return !TransactionIdIsValid(horizon_) || TransactionIdFollowsOrEquals(writer, horizon_);
	}

	TransactionId horizon_;
	decoder::Options options_;
	MemoryContext session_;
	decoder::Values values_;
	decoder::Plans plans_;
	core::Buffer id_, organization_;
};

// What `held` and the changelog say of an entity type that differs.
std::string
Differences(const std::string &entity_type)
{
	std::string type = pg::QuoteLiteral(entity_type);
	return "SELECT coalesce(h.entity_id, k.entity_id), h.org_id, k.org_id, "
		   "CASE WHEN k.entity_id IS NULL THEN 0 WHEN h.entity_id IS NULL THEN 2 ELSE 1 END "
		   "FROM held h FULL JOIN (SELECT l.entity_id, l.org_id FROM ("
		   "SELECT DISTINCT ON (a.entity_id) a.entity_id, a.org_id, a.action FROM txsync.activity a "
		   "WHERE a.entity_type = " +
		   type +
		   " AND a.entity_id IS NOT NULL AND a.action IN ('create', 'update', 'delete') AND a.id > coalesce(("
		   "SELECT max(t.id) FROM txsync.activity t WHERE t.entity_type = " +
		   type +
		   " AND t.action = 'truncate'), 0) ORDER BY a.entity_id, a.id DESC) l WHERE l.action <> 'delete') k "
		   "ON k.entity_id = h.entity_id "
		   "WHERE h.entity_id IS NULL OR h.recent OR h.org_id IS DISTINCT FROM k.org_id AND k.entity_id IS NOT NULL";
}

class Comparison
{
public:
	Comparison(Collector &collected, decoder::Values &values, core::Position position)
		: collected_(collected)
		, values_(values)
	{
		activity_.position = position;
		activity_.committed_at = GetCurrentTransactionStartTimestamp();
	}

	void
	Compare(const std::string &entity_type)
	{
		std::string name(values_.ToUtf8(entity_type));
		activity_.entity_type = name;
		std::string sql = Differences(entity_type);
		Portal portal = pg::Call(
			[&] { return SPI_cursor_open_with_args(nullptr, sql.c_str(), 0, nullptr, nullptr, nullptr, true, 0); });
		for (;;) {
			pg::CheckForInterrupts();
			pg::Call([&] { SPI_cursor_fetch(portal, true, kRows); });
			if (SPI_processed == 0)
				break;
			for (uint64_t i = 0; i < SPI_processed; i++)
				Take(SPI_tuptable->vals[i]);
			pg::Call([] { SPI_freetuptable(SPI_tuptable); });
			values_.EndChange();
		}
		pg::Call([&] { SPI_cursor_close(portal); });
	}

private:
	static constexpr long kRows = 1000;

	void
	Take(HeapTuple row)
	{
		pg::ContextScope scope(values_.Scratch());
		static constexpr core::Action kActions[] = {core::Action::kCreate, core::Action::kUpdate,
													core::Action::kDelete};
		auto text = [&](int column) {
			const char *value = pg::Call([&] { return SPI_getvalue(row, SPI_tuptable->tupdesc, column); });
			return value != nullptr ? values_.ToUtf8(value) : std::string_view();
		};
		std::string_view old_organization = text(3);
		activity_.action = kActions[text(4).front() - '0'];
		activity_.entity_id = text(1);
		activity_.organization_id = activity_.action == core::Action::kDelete ? old_organization : text(2);
		activity_.SetOldOrganization(old_organization);
		collected_.Add(activity_);
		activity_.position.row++;
	}

	Collector &collected_;
	decoder::Values &values_;
	core::Activity activity_;
};

} // namespace

void
TakeInventory(Collector &collected, FullTransactionId horizon, core::Position position)
{
	Tables tables(horizon);
	Comparison comparison(collected, tables.Values(), position);
	for (const pg::TrackedTable &table : pg::TrackedTables()) {
		std::optional<core::Tracking> tracking = core::ParseTracking(pg::SplitArguments(table.arguments));
		if (!tracking)
			continue;
		pg::Spi spi;
		HeldRows rows;
		tables.Read(table.relation, spi, rows);
		rows.Register();
		comparison.Compare(tracking->entity_type);
		rows.End();
	}
}

} // namespace txsync::worker
