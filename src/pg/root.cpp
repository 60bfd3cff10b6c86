#include "pg/root.h"

#include "pg/call.h"

extern "C" {
#include "catalog/partition.h"
}

namespace txsync::pg {

Oid
RootOf(Relation relation)
{
	Oid oid = RelationGetRelid(relation);
	if (!relation->rd_rel->relispartition)
		return oid;
	return Call([&] {
		List *ancestors = get_partition_ancestors(oid);
		Oid root = ancestors != NIL ? llast_oid(ancestors) : oid;
		list_free(ancestors);
		return root;
	});
}

} // namespace txsync::pg
