#pragma once
// The row trigger as the catalog has it: a table is tracked exactly as long as it has one, and its arguments are the
// tracking.

#include "pg/call.h"

extern "C" {
#include "commands/trigger.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"
}

namespace txsync::pg {

// BEFORE triggers fire in the order of their names, and ours has to see what the others have done to the row.
inline constexpr char kRowTriggerName[] = "zz_txsync";

// The columns that it keeps.
inline constexpr char kTxColumn[] = "tx";
inline constexpr char kVersionsColumn[] = "tx_versions";

// The C name of the trigger's function.
inline constexpr char kRowTriggerSymbol[] = "row_trigger";

// The relation's row trigger, or null if it is not tracked. Valid only until the next
// access to a catalog, which may rebuild the relation's descriptor.
const Trigger *FindRowTrigger(Relation relation);

std::vector<std::string_view> Arguments(const Trigger &trigger);

// pg_trigger.tgargs, each argument with a zero byte behind it, taken apart.
std::vector<std::string_view> SplitArguments(std::string_view bytes);

struct TrackedTable
{
	Oid relation;
	std::string arguments; // for SplitArguments
};

// The tables with a row trigger that is not a partition's copy, as they are now, whatever the snapshot. Told by the
// catalog alone: no table is opened, so none that is locked makes anybody wait.
std::vector<TrackedTable> TrackedTables();

// Whether it fires for every write: one that is merely enabled does not in replica role.
inline bool
FiresAlways(const Trigger &trigger)
{
	return trigger.tgenabled == TRIGGER_FIRES_ALWAYS;
}

} // namespace txsync::pg
