#include "api/attach.h"

#include "pg/spi.h"
#include "pg/trigger.h"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
}

namespace txsync::api {

namespace {

std::string
ArgumentList(const core::Tracking &tracking)
{
	std::string list;
	for (const std::string &argument : core::ToArguments(tracking)) {
		if (!list.empty())
			list += ", ";
		list += pg::QuoteLiteral(argument);
	}
	return list;
}

// DROP EXTENSION takes the trigger along without CASCADE. Each CREATE OR REPLACE forgets that, and ALTER TRIGGER …
// DEPENDS ON EXTENSION would lock the extension: whoever renames a column would then wait for whoever tracks a table.
void
DependOnExtension(Oid relation)
{
	pg::Call([&] {
		ObjectAddress trigger;
		ObjectAddress extension;
		ObjectAddressSet(trigger, TriggerRelationId, get_trigger_oid(relation, pg::kRowTriggerName, false));
		ObjectAddressSet(extension, ExtensionRelationId, get_extension_oid("txsync", false));
		if (!list_member_oid(getAutoExtensionsOfObject(trigger.classId, trigger.objectId), extension.objectId))
			recordDependencyOn(&trigger, &extension, DEPENDENCY_AUTO_EXTENSION);
	});
}

} // namespace

std::optional<core::Tracking>
TrackingOf(Relation relation)
{
	const Trigger *trigger = pg::FindRowTrigger(relation);
	if (trigger == nullptr || trigger->tgisclone)
		return std::nullopt;
	return core::ParseTracking(pg::Arguments(*trigger));
}

void
Attach(Oid relation, const core::Tracking &tracking)
{
	std::string table = pg::QualifiedName(relation);
	std::string trigger = pg::kRowTriggerName;
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	spi.Execute("CREATE OR REPLACE TRIGGER " + trigger + " BEFORE INSERT OR UPDATE OR DELETE ON " + table +
				" FOR EACH ROW EXECUTE FUNCTION txsync.row_trigger(" + ArgumentList(tracking) + ")");
	DependOnExtension(relation);
	// Native logical replication fires it as well.
	spi.Execute("ALTER TABLE " + table + " ENABLE ALWAYS TRIGGER " + trigger);
}

void
Detach(Oid relation)
{
	std::string table = pg::QualifiedName(relation);
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	spi.Execute(std::string("DROP TRIGGER ") + pg::kRowTriggerName + " ON " + table);
}

Oid
ExtensionOwner()
{
	return pg::Call([] {
		ScanKeyData key;
		Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
		ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(get_extension_oid("txsync", false)));
		SysScanDesc scan = systable_beginscan(extensions, ExtensionOidIndexId, true, nullptr, 1, &key);
		HeapTuple tuple = systable_getnext(scan);
		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "extension txsync has no catalog entry");
		Oid owner = reinterpret_cast<Form_pg_extension>(GETSTRUCT(tuple))->extowner;
		systable_endscan(scan);
		table_close(extensions, AccessShareLock);
		return owner;
	});
}

Oid
OwnTable(const char *name)
{
	return pg::Call([&] { return get_relname_relid(name, get_namespace_oid("txsync", false)); });
}

} // namespace txsync::api
