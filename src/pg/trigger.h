#pragma once
// The row trigger as the catalog has it: a table is tracked exactly as long as it has one, and its arguments are the
// tracking.

#include "pg/call.h"

extern "C" {
#include "utils/rel.h"
#include "utils/reltrigger.h"
}

namespace txsync::pg {

// BEFORE triggers fire in the order of their names, and ours has to see what the others have done to the row.
inline constexpr char kRowTriggerName[] = "zz_txsync";

// The C name of the trigger's function.
inline constexpr char kRowTriggerSymbol[] = "row_trigger";

// The relation's row trigger, or null if it is not tracked. Valid only until the next
// access to a catalog, which may rebuild the relation's descriptor.
const Trigger *FindRowTrigger(Relation relation);

// The tables with a trigger of that name which is not a partition's copy, as they are now, whatever the snapshot.
std::vector<Oid> RelationsWithRowTrigger();

std::vector<std::string_view> Arguments(const Trigger &trigger);

// Whether it fires for ordinary writes.
inline bool
Fires(const Trigger &trigger)
{
	return trigger.tgenabled == 'A' || trigger.tgenabled == 'O';
}

} // namespace txsync::pg
