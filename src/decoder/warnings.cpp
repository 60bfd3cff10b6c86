#include "decoder/warnings.h"

#include "core/tracking.h"
#include "pg/memory.h"
#include "pg/trigger.h"

#include <set>

extern "C" {
#include "access/relation.h"
#include "access/xact.h"
}

namespace txsync::decoder {

namespace {

std::set<std::string>
TrackedEntityTypes()
{
	std::set<std::string> types;
	for (Oid oid : pg::RelationsWithRowTrigger()) {
		Relation relation = pg::Call([&] { return try_relation_open(oid, AccessShareLock); });
		if (relation == nullptr)
			continue;
		if (const Trigger *trigger = pg::FindRowTrigger(relation)) {
			if (std::optional<core::Tracking> tracking = core::ParseTracking(pg::Arguments(*trigger)))
				types.insert(tracking->entity_type);
		}
		pg::Call([&] { relation_close(relation, AccessShareLock); });
	}
	return types;
}

} // namespace

void
WarnOfUnknownEntityTypes(const core::Filter &filter)
{
	if (filter.entity_types.Names().empty())
		return;
	// A walsender starts to stream outside of any transaction, and none may begin while it does.
	bool own_transaction = !pg::Call([] { return IsTransactionState(); });
	pg::ContextScope scope(CurrentMemoryContext);
	if (own_transaction)
		pg::Call([] { StartTransactionCommand(); });
	std::set<std::string> tracked = TrackedEntityTypes();
	for (const std::string &type : filter.entity_types.Names()) {
		if (tracked.contains(type))
			continue;
		pg::Call([&] {
			ereport(WARNING, (errmsg("no table is tracked under entity type \"%s\"", type.c_str()),
							  errhint("Its changes are told from when one is.")));
		});
	}
	if (own_transaction)
		pg::Call([] { CommitTransactionCommand(); });
}

} // namespace txsync::decoder
