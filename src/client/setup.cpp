#include "client/setup.h"

#include "client/doctor.h"
#include "client/name_list.h"

#include <algorithm>
#include <iostream>
#include <optional>

namespace txsync::client {

static constexpr const char *kPlugin = "txsync";

// The value in force; nothing where this server has no such setting.
static std::optional<std::string>
Setting(Connection &connection, const char *name)
{
	Result row =
		connection.Query("SELECT setting FROM pg_catalog.pg_settings WHERE name = " + connection.Literal(name));
	if (row.Rows() == 0)
		return std::nullopt;
	return std::string(row.Get(0, 0));
}

static void
EnsureExtension(Connection &connection)
{
	bool is_there = connection.Query("SELECT FROM pg_catalog.pg_extension WHERE extname = 'txsync'").Rows() > 0;
	if (!is_there)
		connection.Query("CREATE EXTENSION IF NOT EXISTS txsync");
	std::cout << "extension txsync: " << (is_there ? "already in" : "created in") << " database \""
			  << connection.Database() << "\"\n";
}

// Whether it changed something.
static bool
EnsureWalLevel(Connection &connection)
{
	std::optional<std::string> level = Setting(connection, "wal_level");
	if (level == "logical") {
		std::cout << "wal_level: already logical\n";
		return false;
	}
	connection.Query("ALTER SYSTEM SET wal_level = 'logical'");
	std::cout << "wal_level: set to logical (" << level.value_or("") << " until the restart)\n";
	return true;
}

// Minors from 2026 on decode only with plugins on the administrator's list; it keeps what it has.
static bool
EnsurePluginAllowed(Connection &connection)
{
	std::optional<std::string> list = Setting(connection, "output_plugin_libraries");
	if (!list)
		return false;
	std::vector<std::string> names = SplitNames(*list);
	if (std::find(names.begin(), names.end(), kPlugin) != names.end()) {
		std::cout << "output_plugin_libraries: already has txsync\n";
		return false;
	}
	names.push_back(kPlugin);
	std::string literals; // one each: a list in one pair of quotes would become a single name
	for (const std::string &name : names)
		literals += (literals.empty() ? "" : ", ") + connection.Literal(name);
	connection.Query("ALTER SYSTEM SET output_plugin_libraries = " + literals);
	std::cout << "output_plugin_libraries: txsync added\n";
	return true;
}

// Returns when this session sees the settings' new values, or some seconds later.
static void
Reload(Connection &connection, Waiter &waiter)
{
	Waiter::Time deadline = Waiter::Clock::now() + std::chrono::seconds(10);
	std::string loaded(connection.Query("SELECT pg_catalog.pg_conf_load_time()").Get(0, 0));
	connection.Query("SELECT pg_catalog.pg_reload_conf()");
	while (connection.Query("SELECT pg_catalog.pg_conf_load_time()").Get(0, 0) == loaded &&
		   Waiter::Clock::now() < deadline)
		waiter.Wait({}, Waiter::Clock::now() + std::chrono::milliseconds(20));
}

static void
PrintRestart(Connection &connection)
{
	Result due = connection.Query("SELECT pg_catalog.string_agg(name, ', ' ORDER BY name)"
								  " FROM pg_catalog.pg_settings WHERE pending_restart");
	if (due.IsNull(0, 0))
		std::cout << "no restart is due\n";
	else
		std::cout << "A RESTART of the server is due, for: " << due.Get(0, 0) << "\n";
}

static void
Ensure(Connection &connection, Waiter &waiter)
{
	EnsureExtension(connection);
	bool changed = EnsureWalLevel(connection);
	changed |= EnsurePluginAllowed(connection);
	if (changed)
		Reload(connection, waiter);
}

void
Setup(const Target &target, Waiter &waiter)
{
	Connection connection(target, Connection::Kind::kSql, waiter);
	try {
		Ensure(connection, waiter);
	} catch (const Failure &failure) {
		throw WithRightsHint(failure, "setup takes a superuser (on Debian: sudo -u postgres txsync setup ...).");
	}
	std::cout << "\n";
	PrintFindings(connection);
	std::cout << "\n";
	PrintRestart(connection);
	std::cout.flush();
}

} // namespace txsync::client
