#include "pg/seal.h"

#include "pg/call.h"
#include "pg/error.h"
#include "pg/image.h"

#include <optional>
#include <string>

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
}

namespace txsync::pg {

namespace {

// History knows tables that have been dropped since, whose rows are gone.
bool
IsStillThere(Oid oid)
{
	ScanKeyData key;
	ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(oid));
	Relation tables = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan =
		systable_beginscan(tables, ClassOidIndexId, true, GetNonHistoricCatalogSnapshot(RelationRelationId), 1, &key);
	bool is_there = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(tables, AccessShareLock);
	return is_there;
}

// Empty if there is none.
std::string_view
Key()
{
	Oid oid = get_relname_relid("secret", get_namespace_oid("txsync", true));
	if (!OidIsValid(oid))
		return {};
	LockRelationOid(oid, AccessShareLock);
	if (!IsStillThere(oid))
		return {};
	std::string_view key;
	Relation table = table_open(oid, AccessShareLock);
	SysScanDesc scan = systable_beginscan(table, InvalidOid, false, nullptr, 0, nullptr);
	HeapTuple row = systable_getnext(scan);
	bool null = true;
	Datum value = HeapTupleIsValid(row) ? heap_getattr(row, 1, RelationGetDescr(table), &null) : 0;
	if (!null) {
		bytea *bytes = DatumGetByteaPCopy(value);
		key = BytesOf(bytes);
	}
	systable_endscan(scan);
	table_close(table, AccessShareLock);
	return key;
}

bool
Make(Seal &seal, std::string_view key, std::string_view purpose, std::string_view bytes)
{
	auto update = [](pg_hmac_ctx *hmac, std::string_view part) {
		return pg_hmac_update(hmac, reinterpret_cast<const uint8 *>(part.data()), part.size()) == 0;
	};
	pg_hmac_ctx *hmac = pg_hmac_create(PG_SHA256);
	bool made = hmac != nullptr && pg_hmac_init(hmac, reinterpret_cast<const uint8 *>(key.data()), key.size()) == 0 &&
				update(hmac, purpose) && update(hmac, {"", 1}) && update(hmac, bytes) &&
				pg_hmac_final(hmac, seal.data(), seal.size()) == 0;
	pg_hmac_free(hmac);
	return made;
}

} // namespace

Seal
SealOf(std::string_view purpose, std::string_view bytes)
{
	std::string_view key = Call([] { return Key(); });
	if (key.empty())
		throw Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "txsync.secret has no key",
					  "Without it nothing can be told from a forgery.", "INSERT INTO txsync.secret DEFAULT VALUES;"};
	Seal seal;
	if (!Call([&] { return Make(seal, key, purpose, bytes); }))
		throw Failure{ERRCODE_INTERNAL_ERROR, "could not compute a seal"};
	return seal;
}

bool
IsSealed(const Seal &seal, std::string_view prefix)
{
	return prefix.size() <= seal.size() && timingsafe_bcmp(seal.data(), prefix.data(), prefix.size()) == 0;
}

} // namespace txsync::pg
