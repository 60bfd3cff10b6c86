#include "client/slot.h"

#include "core/options.h"

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

// A slot once followed with two-phase=on stays one: what is told at its PREPARE is not told again at its commit. A
// session without would confirm a PREPARE that it was not told of, and the next one with it would never hear of it.
std::vector<PluginOption>
OptionsFor(const Slot &slot, const std::string &name, std::vector<PluginOption> wanted)
{
	static constexpr const char *kTwoPhase = "two-phase";
	static constexpr const char *kCompact = "compact";
	for (const auto &[option, value] : wanted) {
		if (option == kCompact)
			throw Failure(ExitCode::kRefused, "the plugin option \"compact\" is tail's own: its output is whole lines");
	}
	wanted.emplace_back(kCompact, "on");
	if (!slot.two_phase)
		return wanted;
	bool given = false;
	bool on = true;
	for (const auto &[option, value] : wanted) {
		given = given || option == kTwoPhase;
		if (option == kTwoPhase && value)
			core::ParseBool(*value, on);
	}
	if (!on)
		throw Failure(ExitCode::kRefused, "replication slot \"" + name +
											  "\" was followed with two-phase=on, and "
											  "would lose prepared transactions without it");
	if (!given)
		wanted.emplace_back(kTwoPhase, "on");
	return wanted;
}

} // namespace txsync::client
