#include "decoder/warnings.h"

#include "core/tracking.h"
#include "pg/transaction.h"
#include "pg/trigger.h"

#include <algorithm>

extern "C" {
#include "commands/extension.h"
#include "utils/lsyscache.h"
}

namespace txsync::decoder {

namespace {

constexpr const char *kLater = "Its changes are told from when one is.";

struct Tracked
{
	std::string entity_type;
	std::string schema;
	std::string table;
};

// Without the tables that are dropped meanwhile.
std::vector<Tracked>
AllTracked()
{
	std::vector<Tracked> all;
	for (const pg::TrackedTable &table : pg::TrackedTables()) {
		std::optional<core::Tracking> tracking = core::ParseTracking(pg::SplitArguments(table.arguments));
		const char *name = pg::Call([&] { return get_rel_name(table.relation); });
		const char *schema = pg::Call([&] { return get_namespace_name(get_rel_namespace(table.relation)); });
		if (tracking && name != nullptr && schema != nullptr)
			all.push_back({tracking->entity_type, schema, name});
	}
	return all;
}

void
Warn(const std::string &message, const char *hint)
{
	pg::Call([&] { ereport(WARNING, (errmsg_internal("%s", message.c_str()), errhint("%s", hint))); });
}

bool
HasExtension()
{
	return pg::Call([] { return OidIsValid(get_extension_oid("txsync", true)); });
}

void
WarnOfUnknownNames(const core::Filter &filter)
{
	std::vector<Tracked> all = AllTracked();
	for (const std::string &type : filter.entity_types.Names()) {
		if (std::ranges::none_of(all, [&](const Tracked &one) { return one.entity_type == type; }))
			Warn("no table is tracked under entity type \"" + type + "\"", kLater);
	}
	for (const core::TablePattern &pattern : filter.tables) {
		if (std::ranges::none_of(all, [&](const Tracked &one) { return pattern.Matches(one.schema, one.table); }))
			Warn("no tracked table matches " + pattern.text, kLater);
	}
}

} // namespace

void
WarnOfWhatIsMissing(const core::Filter &filter)
{
	pg::InTransaction([&] {
		if (!HasExtension())
			Warn("the extension txsync is not installed in this database", "CREATE EXTENSION txsync;");
		else if (!filter.entity_types.Names().empty() || !filter.tables.empty())
			WarnOfUnknownNames(filter);
	});
}

} // namespace txsync::decoder
