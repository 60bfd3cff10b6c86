#include "decoder/warnings.h"

#include "core/tracking.h"
#include "pg/transaction.h"
#include "pg/trigger.h"

#include <algorithm>

extern "C" {
#include "catalog/pg_publication.h"
#include "commands/extension.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
}

namespace txsync::decoder {

namespace {

constexpr const char *kLater = "Its changes are told from when one is.";
constexpr const char *kTopic = "Its changes are told from when one is; events of that topic are told now.";
constexpr const char *kPublishedLater = "What it publishes is told from when it is there.";

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
			pg::Warn("no table is tracked under entity type \"" + type + "\"", kTopic);
	}
	for (const core::TablePattern &pattern : filter.tables) {
		if (std::ranges::none_of(all, [&](const Tracked &one) { return pattern.Matches(one.schema, one.table); }))
			pg::Warn("no tracked table matches " + pattern.text, kLater);
	}
}

void
WarnOfUnknownPublications(const std::vector<std::string> &names)
{
	for (const std::string &name : names) {
		if (!pg::Call([&] { return OidIsValid(get_publication_oid(name.c_str(), true)); }))
			pg::Warn("publication \"" + name + "\" does not exist", kPublishedLater);
	}
}

} // namespace

void
WarnOfWhatIsMissing(const Options &options)
{
	const core::Filter &filter = options.filter;
	pg::InTransaction([&] {
		if (!HasExtension())
			pg::Warn("the extension txsync is not installed in this database", "CREATE EXTENSION txsync;");
		else if (!filter.entity_types.Names().empty() || !filter.tables.empty())
			WarnOfUnknownNames(filter);
		WarnOfUnknownPublications(options.publications);
	});
}

void
WarningOfForgery::Give()
{
	TimestampTz now = GetCurrentTimestamp();
	if (now - last_ < USECS_PER_MINUTE)
		return;
	last_ = now;
	pg::Call([] {
		ereport(WARNING, (errmsg("a logical message is not told: it has not this database's seal"),
						  errdetail("It was forged, or written while the key in txsync.secret was changed.")));
	});
}

} // namespace txsync::decoder
