#pragma once
// Asks of the types within a composite type. Called within pg::Call().

#include "pg/server.h"

extern "C" {
#include "access/tupdesc.h"
#include "utils/typcache.h"
}

namespace txsync::api {

// Whether has(type) is true for a column's.
inline bool
AnyColumn(Oid row_type, bool (*has)(Oid))
{
	TupleDesc desc = lookup_rowtype_tupdesc(row_type, -1);
	bool any = false;
	for (int i = 0; i < desc->natts && !any; i++)
		any = !TupleDescAttr(desc, i)->attisdropped && has(TupleDescAttr(desc, i)->atttypid);
	ReleaseTupleDesc(desc);
	return any;
}

} // namespace txsync::api
