#include "pg/trigger.h"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "utils/builtins.h"
#include "utils/syscache.h"
}

namespace txsync::pg {

namespace {

// Told by the C symbol and library, which stand for the code wherever the extension's schema is.
bool
RunsOurCode(Oid function)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		return false;
	auto *proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
	bool ours = false;
	if (proc->prolang == ClanguageId) {
		bool symbol_null = false;
		bool library_null = false;
		Datum symbol = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &symbol_null);
		Datum library = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_probin, &library_null);
		ours = !symbol_null && !library_null && strcmp(TextDatumGetCString(symbol), kRowTriggerSymbol) == 0 &&
			   strcmp(TextDatumGetCString(library), "$libdir/txsync") == 0;
	}
	ReleaseSysCache(tuple);
	return ours;
}

const Trigger *
ByName(Relation relation)
{
	const TriggerDesc *triggers = relation->trigdesc;
	for (int i = 0; triggers != nullptr && i < triggers->numtriggers; i++) {
		if (strcmp(triggers->triggers[i].tgname, kRowTriggerName) == 0)
			return &triggers->triggers[i];
	}
	return nullptr;
}

} // namespace

const Trigger *
FindRowTrigger(Relation relation)
{
	const Trigger *trigger = ByName(relation);
	if (trigger == nullptr)
		return nullptr;
	Oid function = trigger->tgfoid;
	if (!Call([&] { return RunsOurCode(function); }))
		return nullptr;
	// Looked up again, since reading the catalog may have rebuilt the relation's descriptor.
	return ByName(relation);
}

std::vector<Oid>
RelationsWithRowTrigger()
{
	struct Found
	{
		Oid *oids;
		size_t count;
	};
	Found found = Call([] {
		List *oids = NIL;
		Relation triggers = table_open(TriggerRelationId, AccessShareLock);
		SysScanDesc scan = systable_beginscan(triggers, InvalidOid, false, nullptr, 0, nullptr);
		while (HeapTuple tuple = systable_getnext(scan)) {
			auto *trigger = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple));
			if (!OidIsValid(trigger->tgparentid) && strcmp(NameStr(trigger->tgname), kRowTriggerName) == 0)
				oids = lappend_oid(oids, trigger->tgrelid);
		}
		systable_endscan(scan);
		table_close(triggers, AccessShareLock);

		Found copy = {static_cast<Oid *>(palloc(sizeof(Oid) * static_cast<size_t>(list_length(oids) + 1))), 0};
		for (int i = 0; i < list_length(oids); i++)
			copy.oids[copy.count++] = list_nth_oid(oids, i);
		return copy;
	});
	return {found.oids, found.oids + found.count};
}

std::vector<std::string_view>
Arguments(const Trigger &trigger)
{
	return {trigger.tgargs, trigger.tgargs + trigger.tgnargs};
}

} // namespace txsync::pg
