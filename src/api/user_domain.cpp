#include "api/user_domain.h"

#include "pg/call.h"

extern "C" {
#include "access/transam.h"
#include "access/tupdesc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
}

namespace txsync::api {

namespace {

bool Has(Oid type);

bool
HasInColumns(Oid row_type)
{
	TupleDesc desc = lookup_rowtype_tupdesc(row_type, -1);
	bool has = false;
	for (int i = 0; i < desc->natts && !has; i++)
		has = !TupleDescAttr(desc, i)->attisdropped && Has(TupleDescAttr(desc, i)->atttypid);
	ReleaseTupleDesc(desc);
	return has;
}

bool
Has(Oid type)
{
	check_stack_depth();
	if (type < FirstNormalObjectId)
		return false;
	switch (get_typtype(type)) {
	case TYPTYPE_DOMAIN:
		return true;
	case TYPTYPE_RANGE:
		return Has(get_range_subtype(type));
	case TYPTYPE_MULTIRANGE:
		return Has(get_multirange_range(type));
	case TYPTYPE_COMPOSITE:
		return HasInColumns(type);
	default:
		break;
	}
	Oid element = get_element_type(type);
	return OidIsValid(element) && Has(element);
}

} // namespace

bool
HasUserDomain(Oid type)
{
	return type >= FirstNormalObjectId && pg::Call([&] { return Has(type); });
}

} // namespace txsync::api
