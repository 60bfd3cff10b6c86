// The program's arguments, and what becomes of its failures.

#include "client/doctor.h"
#include "client/setup.h"
#include "client/tail.h"
#include "client/version.h"

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <iostream>
#include <unistd.h>

namespace txsync::client {

namespace {

struct Arguments
{
	TailOptions tail;
	Target target; // of doctor and setup
	double status_interval = 1;
	std::vector<std::string> plugin_options;
};

void
AddTarget(CLI::App &command, Target &target)
{
	command.set_help_flag("-?,--help", "Print this help and exit"); // -h is the host, as in psql
	command.add_option("-d,--dbname,connection", target.database, "Database, connection string or URI");
	command.add_option("-h,--host", target.host, "Server's host or socket folder");
	command.add_option("-p,--port", target.port, "Server's port");
	command.add_option("-U,--username", target.user, "User to connect as");
}

void
AddTail(CLI::App &app, Arguments &arguments)
{
	TailOptions &options = arguments.tail;
	CLI::App *tail = app.add_subcommand("tail", "Stream changes to standard output as JSON Lines");
	AddTarget(*tail, options.target);
	CLI::Option *slot = tail->add_option("-S,--slot", options.slot,
										 "Resume from this replication slot; without it: from now, in a temporary one");
	tail->add_flag("--create", options.create, "Make the slot if it is missing")->needs(slot);
	tail->add_flag("--pretty", options.pretty, "One readable line per change instead of JSON");
	tail->add_option("-o,--option", arguments.plugin_options, "Option for the output plugin, may be given again")
		->type_name("NAME=VALUE")
		->allow_extra_args(false);
	tail->add_option("--status-interval", arguments.status_interval, "Confirm every so many seconds")
		->check(CLI::Range(0.01, 3600.0))
		->capture_default_str();
}

std::vector<PluginOption>
ParsePluginOptions(const std::vector<std::string> &texts)
{
	std::vector<PluginOption> options;
	for (const std::string &text : texts) {
		size_t equals = text.find('=');
		if (equals == text.npos)
			options.emplace_back(text, std::nullopt);
		else
			options.emplace_back(text.substr(0, equals), text.substr(equals + 1));
	}
	return options;
}

// What CLI11 says, but for a word where a command should be: it would only say that one is required.
std::string
Complaint(const CLI::App *app, const CLI::Error &error)
{
	std::vector<std::string> rest = app->remaining();
	bool no_command = app->get_subcommands().empty() && !rest.empty();
	std::string what = no_command ? "no command or option \"" + rest.front() + "\"" : error.what();
	return "txsync: " + what +
		   "\nHINT:  The commands are tail, doctor and setup; help is --help (-h is the host, as in psql).\n";
}

ExitCode
Run(int argc, char **argv)
{
	Arguments arguments;
	CLI::App app("Follows the changes that the txsync extension tells of, and looks after it.", "txsync");
	app.set_help_flag("-?,--help", "Print this help and exit");
	app.set_version_flag("--version", std::string("txsync ") + kVersion);
	app.require_subcommand(1);
	app.failure_message(Complaint);
	app.footer("Exit codes and examples: docs/client.md");
	AddTail(app, arguments);
	CLI::App *doctor = app.add_subcommand("doctor", "Say what keeps txsync from working, and what mends it");
	AddTarget(*doctor, arguments.target);
	CLI::App *setup = app.add_subcommand("setup", "Create the extension and set what it needs");
	AddTarget(*setup, arguments.target);
	try {
		app.parse(argc, argv);
	} catch (const CLI::ParseError &error) {
		return app.exit(error) == 0 ? ExitCode::kOk : ExitCode::kOther;
	}

	Waiter waiter;
	if (doctor->parsed())
		return Doctor(arguments.target, waiter);
	if (setup->parsed()) {
		Setup(arguments.target, waiter);
		return ExitCode::kOk;
	}
	arguments.tail.plugin_options = ParsePluginOptions(arguments.plugin_options);
	arguments.tail.status_interval =
		std::chrono::duration_cast<Waiter::Clock::duration>(std::chrono::duration<double>(arguments.status_interval));
	Tail(arguments.tail, waiter);
	return ExitCode::kOk;
}

// A closed 0, 1 or 2 would be the next socket's number, and our lines would go to the server. Read-only: to write there
// stays an error.
void
OccupyStandardDescriptors()
{
	int fd = 0;
	while (fd >= 0 && fd <= STDERR_FILENO)
		fd = open("/dev/null", O_RDONLY);
	if (fd >= 0)
		close(fd);
}

ExitCode
Guarded(int argc, char **argv)
{
	try {
		return Run(argc, argv);
	} catch (const Failure &failure) {
		if (*failure.what() != '\0')
			Say(failure.what());
		return failure.code;
	} catch (const std::exception &error) {
		Say(error.what());
		return ExitCode::kOther;
	}
}

} // namespace

} // namespace txsync::client

int
main(int argc, char **argv)
{
	txsync::client::OccupyStandardDescriptors();
	return static_cast<int>(txsync::client::Guarded(argc, argv));
}
