#include "api/privileges.h"

namespace txsync::api {

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
