#include "decoder/publication.h"

#include "pg/call.h"

#include <iterator>
#include <new>

extern "C" {
#include "access/tupdesc.h"
#include "catalog/partition.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_publication_rel.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace txsync::decoder {

using core::Action;

namespace {

bool
HasTable(const Publication *publication, Oid relation)
{
	return list_member_oid(GetRelationPublications(relation), publication->oid) ||
		   list_member_oid(GetSchemaPublications(get_rel_namespace(relation)), publication->oid);
}

// The table under which a publication publishes another: itself, or with publish_via_partition_root its topmost
// ancestor in the publication. InvalidOid if it does not.
Oid
PublishedAs(const Publication *publication, Relation relation)
{
	Oid oid = RelationGetRelid(relation);
	List *ancestors = relation->rd_rel->relispartition ? get_partition_ancestors(oid) : NIL;
	if (publication->alltables)
		return publication->pubviaroot && ancestors != NIL ? llast_oid(ancestors) : oid;
	Oid top = InvalidOid;
	for (int i = 0; i < list_length(ancestors); i++) {
		if (HasTable(publication, list_nth_oid(ancestors, i)))
			top = list_nth_oid(ancestors, i);
	}
	if (OidIsValid(top) && publication->pubviaroot)
		return top;
	return OidIsValid(top) || HasTable(publication, oid) ? oid : InvalidOid;
}

// A column list holds the attribute numbers of the table that is named in the publication; a partition may have others.
Bitmapset *
Columns(Relation relation, Oid as, Datum stored)
{
	ArrayType *list = DatumGetArrayTypeP(stored);
	auto *numbers = reinterpret_cast<const int16 *>(ARR_DATA_PTR(list));
	Bitmapset *columns = nullptr;
	for (int i = 0; i < ARR_DIMS(list)[0]; i++)
		columns = bms_add_member(columns, get_attnum(RelationGetRelid(relation), get_attname(as, numbers[i], false)));
	return columns;
}

} // namespace

Published *
Published::Find(Relation relation, const List *names, MemoryContext context)
{
	MemoryContext outer = MemoryContextSwitchTo(context);
	auto *published = new (palloc(sizeof(Published))) Published();
	published->parts_ = static_cast<Part *>(palloc0(sizeof(Part) * static_cast<size_t>(list_length(names))));
	for (int i = 0; i < list_length(names); i++) {
		Oid publication = get_publication_oid(strVal(list_nth(names, i)), true);
		if (OidIsValid(publication))
			published->Add(relation, publication);
	}
	MemoryContextSwitchTo(outer);
	return published->count_ > 0 ? published : nullptr;
}

void
Published::Add(Relation relation, Oid oid)
{
	const Publication *publication = GetPublication(oid);
	Oid as = PublishedAs(publication, relation);
	if (!OidIsValid(as))
		return;
	Part &part = parts_[count_++];
	part.actions[static_cast<int>(Action::kCreate)] = publication->pubactions.pubinsert;
	part.actions[static_cast<int>(Action::kUpdate)] = publication->pubactions.pubupdate;
	part.actions[static_cast<int>(Action::kDelete)] = publication->pubactions.pubdelete;
	part.actions[static_cast<int>(Action::kTruncate)] = publication->pubactions.pubtruncate;

	HeapTuple tuple = SearchSysCache2(PUBLICATIONRELMAP, ObjectIdGetDatum(as), ObjectIdGetDatum(oid));
	if (!HeapTupleIsValid(tuple))
		return;
	bool no_columns = true;
	bool no_filter = true;
	Datum columns = SysCacheGetAttr(PUBLICATIONRELMAP, tuple, Anum_pg_publication_rel_prattrs, &no_columns);
	Datum filter = SysCacheGetAttr(PUBLICATIONRELMAP, tuple, Anum_pg_publication_rel_prqual, &no_filter);
	if (!no_columns)
		part.columns = Columns(relation, as, columns);
	if (!no_filter) {
		Relation named = as == RelationGetRelid(relation) ? relation : RelationIdGetRelation(as);
		AddFilter(part, relation, named, filter);
		if (named != relation)
			RelationClose(named);
	}
	ReleaseSysCache(tuple);
}

void
Published::AddFilter(Part &part, Relation relation, Relation as, Datum stored)
{
	auto *expression = static_cast<Node *>(stringToNode(TextDatumGetCString(stored)));
	if (as != relation)
		expression = static_cast<Node *>(linitial(map_partition_varattnos(list_make1(expression), 1, relation, as)));
	if (executor_ == nullptr) {
		executor_ = CreateExecutorState();
		slot_ = MakeSingleTupleTableSlot(CreateTupleDescCopyConstr(RelationGetDescr(relation)), &TTSOpsVirtual);
	}
	MemoryContext outer = MemoryContextSwitchTo(executor_->es_query_cxt);
	part.filter = ExecPrepareExpr(reinterpret_cast<Expr *>(expression), executor_);
	MemoryContextSwitchTo(outer);
}

bool
Published::Publishes(Action action) const
{
	auto index = static_cast<size_t>(action);
	if (index >= std::size(Part().actions))
		return true;
	return std::any_of(parts_, parts_ + count_, [&](const Part &part) { return part.actions[index]; });
}

bool
Published::Shows(AttrNumber column) const
{
	return std::any_of(parts_, parts_ + count_, [&](const Part &part) {
		return part.columns == nullptr || bms_is_member(column, part.columns);
	});
}

bool
Published::Matches(Action action, const Datum *values, const bool *nulls) const
{
	for (int i = 0; i < count_; i++) {
		const Part &part = parts_[i];
		if (!part.actions[static_cast<int>(action)])
			continue;
		if (part.filter == nullptr)
			return true;
		bool passes = pg::Call([&] {
			ExprContext *context = GetPerTupleExprContext(executor_);
			ExecClearTuple(slot_);
			auto natts = static_cast<size_t>(slot_->tts_tupleDescriptor->natts);
			memcpy(slot_->tts_values, values, natts * sizeof(Datum));
			memcpy(slot_->tts_isnull, nulls, natts * sizeof(bool));
			ExecStoreVirtualTuple(slot_);
			context->ecxt_scantuple = slot_;
			bool null = false;
			Datum result = ExecEvalExprSwitchContext(part.filter, context, &null);
			bool is_true = !null && DatumGetBool(result);
			ResetExprContext(context);
			return is_true;
		});
		if (passes)
			return true;
	}
	return false;
}

} // namespace txsync::decoder
