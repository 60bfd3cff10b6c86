#include "api/user_domain.h"

#include "api/any_column.h"
#include "pg/call.h"

extern "C" {
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
}

namespace txsync::api {

namespace {

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
		return AnyColumn(type, Has);
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
