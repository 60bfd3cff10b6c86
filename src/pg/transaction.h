#pragma once
// Catalog access where there may be no transaction, as when a walsender starts to stream.

#include "pg/memory.h"

extern "C" {
#include "access/xact.h"
}

namespace txsync::pg {

// Runs f in the current transaction, or in one of its own.
template <class F>
void
InTransaction(F &&f)
{
	if (Call([] { return IsTransactionState(); })) {
		f();
		return;
	}
	ContextScope scope(CurrentMemoryContext);
	Call([] { StartTransactionCommand(); });
	f();
	Call([] { CommitTransactionCommand(); });
}

} // namespace txsync::pg
