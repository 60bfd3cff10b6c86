#include "api/user_cast.h"

#include "api/any_column.h"
#include "pg/call.h"

extern "C" {
#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace txsync::api {

namespace {

bool
IsSuperusers(Oid function)
{
	HeapTuple row = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(row))
		return false;
	Oid owner = reinterpret_cast<Form_pg_proc>(GETSTRUCT(row))->proowner;
	ReleaseSysCache(row);
	return superuser_arg(owner);
}

// Goes the way that json_categorize_type() goes.
bool
Has(Oid type)
{
	check_stack_depth();
	type = getBaseType(type);
	if (type < FirstNormalObjectId)
		return false;
	if (Oid element = get_element_type(type); OidIsValid(element))
		return Has(element);
	if (type_is_rowtype(type))
		return AnyColumn(type, Has);
	Oid function = InvalidOid;
	return find_coercion_pathway(JSONOID, type, COERCION_EXPLICIT, &function) == COERCION_PATH_FUNC &&
		   !IsSuperusers(function);
}

} // namespace

bool
HasUserCast(Oid type)
{
	return type >= FirstNormalObjectId && pg::Call([&] { return Has(type); });
}

} // namespace txsync::api
