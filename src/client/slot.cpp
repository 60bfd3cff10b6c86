#include "client/slot.h"

#include <algorithm>
#include <random>
#include <unistd.h>

namespace txsync::client {

static constexpr std::string_view kPlugin = "txsync";

std::string
QuoteForReplication(std::string_view text, char quote)
{
	std::string quoted(1, quote);
	for (char c : text) {
		if (c == quote)
			quoted += quote;
		quoted += c;
	}
	return quoted + quote;
}

static void
Create(Connection &connection, const std::string &name, const char *temporary)
{
	connection.Query("CREATE_REPLICATION_SLOT " + QuoteForReplication(name, '"') + temporary + " LOGICAL " +
					 QuoteForReplication(kPlugin, '"') + " (SNAPSHOT 'nothing')");
}

void
CreateSlot(Connection &connection, const std::string &name)
{
	Create(connection, name, "");
}

std::string
CreateTemporarySlot(Connection &connection)
{
	std::string name = "txsync_tail_" + std::to_string(getpid()) + "_" + std::to_string(std::random_device{}());
	Create(connection, name, " TEMPORARY");
	return name;
}

void
DropSlot(Connection &connection, const std::string &name)
{
	connection.Query("DROP_REPLICATION_SLOT " + QuoteForReplication(name, '"'));
}

std::optional<Slot>
FindSlot(Connection &connection, const std::string &name)
{
	Result slot = connection.Query("SELECT plugin, confirmed_flush_lsn, two_phase FROM pg_catalog.pg_replication_slots"
								   " WHERE slot_name = " +
								   connection.Literal(name));
	if (slot.Rows() == 0)
		return std::nullopt;
	if (slot.IsNull(0, 0))
		throw Failure(ExitCode::kOtherPlugin, "replication slot \"" + name + "\" is a physical slot");
	if (slot.Get(0, 0) != kPlugin)
		throw Failure(ExitCode::kOtherPlugin, "replication slot \"" + name + "\" belongs to the output plugin \"" +
												  std::string(slot.Get(0, 0)) + "\", not to \"txsync\"");
	return Slot{.confirmed = ParseLsn(std::string(slot.Get(0, 1))).value_or(0), .two_phase = slot.Get(0, 2) == "t"};
}

static constexpr const char *kCompact = "compact";

static bool
AsksFor(const std::vector<PluginOption> &options, std::string_view name)
{
	return std::any_of(options.begin(), options.end(),
					   [&](const PluginOption &option) { return option.first == name; });
}

void
RefuseOwnOptions(const std::vector<PluginOption> &wanted)
{
	if (AsksFor(wanted, kCompact))
		throw Failure(ExitCode::kOther, "the plugin option \"compact\" is tail's own: its output is whole lines"
										"\nHINT:  Leave it out; pg_recvlogical shows compact lines as they are.");
}

// The server refuses a slot once followed with two-phase to a session without it.
std::vector<PluginOption>
OptionsFor(const Slot &slot, std::vector<PluginOption> wanted)
{
	static constexpr const char *kTwoPhase = "two-phase";
	bool asks = AsksFor(wanted, kTwoPhase);
	wanted.emplace_back(kCompact, "on");
	if (slot.two_phase && !asks)
		wanted.emplace_back(kTwoPhase, "on");
	return wanted;
}

} // namespace txsync::client
