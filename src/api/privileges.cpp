#include "api/privileges.h"

extern "C" {
#include "miscadmin.h"
}

namespace txsync::api {

bool
HasAnyOf(AclMode privileges, Oid table)
{
	return pg::Call([&] {
		bool is_gone = false;
		return pg_class_aclcheck_ext(table, GetUserId(), privileges, &is_gone) == ACLCHECK_OK ||
			   pg_attribute_aclcheck_all(table, GetUserId(), privileges & ACL_ALL_RIGHTS_COLUMN, ACLMASK_ANY) ==
				   ACLCHECK_OK;
	});
}

bool
MaySelect(Oid table, AttrNumber column)
{
	return pg::Call([&] {
		return column == InvalidAttrNumber
				   ? pg_class_aclcheck(table, GetUserId(), ACL_SELECT) == ACLCHECK_OK
				   : pg_attribute_aclcheck(table, column, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
	});
}

void
RevokeFromOthers(pg::Spi &spi, const std::string &table)
{
	spi.Execute("SELECT pg_catalog.string_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE "
				"pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END, ', ') FROM pg_catalog.pg_class c, "
				"pg_catalog.aclexplode(c.relacl) a WHERE c.oid = '" +
				table + "'::regclass AND a.grantee <> c.relowner");
	if (std::optional<std::string> others = pg::Spi::Value(1))
		spi.Execute("REVOKE ALL ON " + table + " FROM " + *others + " CASCADE");
}

} // namespace txsync::api
