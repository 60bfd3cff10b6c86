#include "decoder/warnings.h"

#include "core/tracking.h"
#include "pg/transaction.h"
#include "pg/trigger.h"

#include <set>

namespace txsync::decoder {

namespace {

std::set<std::string>
TrackedEntityTypes()
{
	std::set<std::string> types;
	for (const pg::TrackedTable &table : pg::TrackedTables()) {
		if (std::optional<core::Tracking> tracking = core::ParseTracking(pg::SplitArguments(table.arguments)))
			types.insert(tracking->entity_type);
	}
	return types;
}

} // namespace

void
WarnOfUnknownEntityTypes(const core::Filter &filter)
{
	if (filter.entity_types.Names().empty())
		return;
	pg::InTransaction([&] {
		std::set<std::string> tracked = TrackedEntityTypes();
		for (const std::string &type : filter.entity_types.Names()) {
			if (tracked.contains(type))
				continue;
			pg::Call([&] {
				ereport(WARNING, (errmsg("no table is tracked under entity type \"%s\"", type.c_str()),
								  errhint("Its changes are told from when one is.")));
			});
		}
	});
}

} // namespace txsync::decoder
