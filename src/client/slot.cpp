#include "client/slot.h"

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

void
CreateSlot(Connection &connection, const std::string &name, bool temporary)
{
	connection.Query("CREATE_REPLICATION_SLOT " + QuoteForReplication(name, '"') + (temporary ? " TEMPORARY" : "") +
					 " LOGICAL " + QuoteForReplication(kPlugin, '"') + " (SNAPSHOT 'nothing')");
}

void
DropSlot(Connection &connection, const std::string &name)
{
	connection.Query("DROP_REPLICATION_SLOT " + QuoteForReplication(name, '"'));
}

std::optional<Lsn>
FindSlot(Connection &connection, const std::string &name)
{
	Result slot = connection.Query("SELECT plugin, confirmed_flush_lsn FROM pg_catalog.pg_replication_slots"
								   " WHERE slot_name = " +
								   connection.Literal(name));
	if (slot.Rows() == 0)
		return std::nullopt;
	if (slot.IsNull(0, 0))
		throw Failure(ExitCode::kOtherPlugin, "replication slot \"" + name + "\" is a physical slot");
	if (slot.Get(0, 0) != kPlugin)
		throw Failure(ExitCode::kOtherPlugin, "replication slot \"" + name + "\" belongs to the output plugin \"" +
												  std::string(slot.Get(0, 0)) + "\", not to \"txsync\"");
	return ParseLsn(std::string(slot.Get(0, 1))).value_or(0);
}

} // namespace txsync::client
