#include "pg/trigger.h"

#include "pg/image.h"

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

std::vector<std::string_view>
Arguments(const Trigger &trigger)
{
	return {trigger.tgargs, trigger.tgargs + trigger.tgnargs};
}

std::vector<std::string_view>
SplitArguments(std::string_view bytes)
{
	std::vector<std::string_view> arguments;
	while (!bytes.empty()) {
		size_t end = std::min(bytes.find('\0'), bytes.size());
		arguments.push_back(bytes.substr(0, end));
		bytes.remove_prefix(std::min(end + 1, bytes.size()));
	}
	return arguments;
}

std::vector<TrackedTable>
TrackedTables()
{
	struct Found
	{
		Oid relation;
		bytea *arguments;
	};
	List *all = Call([] {
		List *list = NIL;
		Relation triggers = table_open(TriggerRelationId, AccessShareLock);
		SysScanDesc scan = systable_beginscan(triggers, InvalidOid, false, nullptr, 0, nullptr);
		while (HeapTuple tuple = systable_getnext(scan)) {
			auto *trigger = reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple));
			if (OidIsValid(trigger->tgparentid) || strcmp(NameStr(trigger->tgname), kRowTriggerName) != 0 ||
				!RunsOurCode(trigger->tgfoid))
				continue;
			bool null = false;
			Datum arguments = heap_getattr(tuple, Anum_pg_trigger_tgargs, RelationGetDescr(triggers), &null);
			auto *found = static_cast<Found *>(palloc(sizeof(Found)));
			*found = {trigger->tgrelid, DatumGetByteaPCopy(arguments)};
			list = lappend(list, found);
		}
		systable_endscan(scan);
		table_close(triggers, AccessShareLock);
		return list;
	});
	std::vector<TrackedTable> tables;
	for (int i = 0; i < list_length(all); i++) {
		auto *found = static_cast<Found *>(list_nth(all, i));
		tables.push_back({found->relation, std::string(BytesOf(found->arguments))});
	}
	return tables;
}

} // namespace txsync::pg
