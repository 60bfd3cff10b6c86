#include "client/tail.h"

#include "client/assembler.h"
#include "client/backoff.h"
#include "client/output.h"
#include "client/pretty.h"
#include "client/slot.h"

#include <array>
#include <unistd.h>

namespace txsync::client {

namespace {

using std::chrono::seconds;

// A walsender whose client died keeps the slot until it notices: a minute by default (wal_sender_timeout).
constexpr seconds kPatienceWithTheOther{120};
constexpr seconds kPatienceAtTheEnd{5};

// The server's own refusal would not say what mends it.
void
RequireWalLevel(Connection &connection)
{
	Result level = connection.Query("SHOW wal_level");
	if (level.Get(0, 0) != "logical")
		throw Failure(ExitCode::kRefused,
					  "wal_level is " + std::string(level.Get(0, 0)) +
						  ": changes are not decoded\nHINT:  `txsync setup` with the same connection "
						  "sets it; it takes a restart of the server.");
}

class Follower
{
public:
	Follower(const TailOptions &options, Waiter &waiter)
		: options_(options)
		, waiter_(waiter)
		, output_(STDOUT_FILENO, waiter)
		, pretty_(STDOUT_FILENO)
	{}

	// Until a signal asks to stop. Throws Failure when there is no point in trying again.
	void Run();

private:
	bool Attempt();
	void Follow();
	void Identify(Connection &connection);
	std::string PrepareSlot(Connection &connection);
	std::optional<Slot> FindOrCreate(Connection &connection, const std::string &slot);
	Stream Start(Connection &connection, const std::string &slot);
	void Drain(Stream &stream);
	void Take(Stream &stream, const Message &message);
	void Write(Stream &stream, std::string_view lines);
	void AwaitMore(Stream &stream);
	void Confirm(Stream &stream);
	void End(Stream &stream);
	void Judge(const Failure &failure);
	bool IsBusyForTooLong(const Failure &failure);
	void Pause();

	const TailOptions &options_;
	Waiter &waiter_;
	Output output_;
	Pretty pretty_;

	std::string server_; // system and timeline that assembler_ is about
	Assembler assembler_;
	std::vector<PluginOption> plugin_options_;
	bool was_connected_ = false;
	bool had_slot_ = false;
	bool made_slot_ = false; // and nothing has come from it yet
	bool is_again_ = false;  // an attempt before this one failed
	std::optional<Waiter::Time> busy_since_;
	Backoff backoff_;
	Backoff::Milliseconds pause_{};
	Waiter::Time next_report_;
};

void
Follower::Run()
{
	try {
		while (!Attempt())
			Pause();
	} catch (const Stopped &) {
		// Not connected: there is nothing to confirm, and nobody to tell.
	}
}

// Whether it ended because it was asked to.
bool
Follower::Attempt()
{
	try {
		Follow();
		return true;
	} catch (const Failure &failure) {
		Judge(failure);
		is_again_ = true;
		return false;
	}
}

void
Follower::Follow()
{
	Connection connection(options_.target, Connection::Kind::kReplication, waiter_);
	was_connected_ = true;
	RequireWalLevel(connection);
	Identify(connection);
	std::string slot = PrepareSlot(connection);
	Stream stream = Start(connection, slot);
	if (is_again_)
		Say("connected");

	next_report_ = Waiter::Clock::now() + options_.status_interval;
	while (waiter_.Stops() == 0) {
		Drain(stream);
		AwaitMore(stream);
	}
	End(stream);
}

// LSNs mean something only on the server they came from: after a failover or a restore those that we remember might
// name changes that we never saw.
void
Follower::Identify(Connection &connection)
{
	Result system = connection.Query("IDENTIFY_SYSTEM");
	std::string server = std::string(system.Get(0, 0)) + " " + std::string(system.Get(0, 1));
	Lsn end = ParseLsn(std::string(system.Get(0, 2))).value_or(0);
	if (server == server_ && end >= assembler_.Written())
		return;
	if (!server_.empty())
		Say("the server's history is not the one from before: resuming from what the slot has confirmed");
	server_ = server;
	assembler_.Reset();
}

std::string
Follower::PrepareSlot(Connection &connection)
{
	std::string slot = options_.slot ? *options_.slot : CreateTemporarySlot(connection);
	std::optional<Slot> state = FindOrCreate(connection, slot);
	if (!state)
		throw Failure(ExitCode::kNoSlot, "replication slot \"" + slot + "\" does not exist" +
											 (had_slot_ ? " any more" : "\nHINT:  --create makes it."));
	had_slot_ = true;
	plugin_options_ = OptionsFor(*state, options_.plugin_options);
	assembler_.Begin(state->confirmed);
	return slot;
}

Stream
Follower::Start(Connection &connection, const std::string &slot)
{
	try {
		return Stream(connection, slot, assembler_.From(), plugin_options_);
	} catch (const Failure &failure) {
		// A slot that we made a moment ago and cannot follow, for a misspelt option perhaps, would only hold back WAL.
		if (made_slot_ && !failure.may_pass)
			DropSlot(connection, slot);
		throw;
	}
}

// A slot that we have followed and that is gone is not made again: that would hide the changes in between.
std::optional<Slot>
Follower::FindOrCreate(Connection &connection, const std::string &slot)
{
	static constexpr std::string_view kDuplicateObject = "42710";
	std::optional<Slot> found = FindSlot(connection, slot);
	if (found || !options_.create || had_slot_)
		return found;
	try {
		CreateSlot(connection, slot);
		made_slot_ = true;
	} catch (const Failure &failure) {
		if (failure.sqlstate != kDuplicateObject) // somebody was quicker
			throw;
	}
	return FindSlot(connection, slot);
}

void
Follower::Drain(Stream &stream)
{
	while (std::optional<Message> message = stream.Next())
		Take(stream, *message);
}

void
Follower::Take(Stream &stream, const Message &message)
{
	assembler_.Take(message, [&](std::string_view lines) { Write(stream, lines); });
	is_again_ = false;
	made_slot_ = false;
	busy_since_.reset();
	backoff_.Reset();
	if (message.reply_wanted || Waiter::Clock::now() >= next_report_)
		Confirm(stream);
}

// A large transaction is written piece by piece, and neither a piece nor all of them must keep us silent for long.
void
Follower::Write(Stream &stream, std::string_view lines)
{
	auto meanwhile = [&] {
		next_report_ = Waiter::Clock::now() + options_.status_interval;
		try {
			stream.Report(assembler_.Reached());
		} catch (const Failure &) {
			// The lines in hand are written to their end first; the stream will tell of its failure again.
		}
	};
	if (options_.pretty)
		output_.Write(pretty_.Render(lines), options_.status_interval, meanwhile);
	else
		output_.Write(lines, options_.status_interval, meanwhile);
	if (Waiter::Clock::now() >= next_report_)
		meanwhile();
}

void
Follower::AwaitMore(Stream &stream)
{
	std::array<pollfd, 2> fds = {pollfd{.fd = stream.Socket(), .events = POLLIN, .revents = 0}, output_.Watch()};
	if (stream.Flush())
		fds[0].events |= POLLOUT;
	waiter_.Wait(fds, next_report_);
	Output::Check(fds[1]);
	if ((fds[0].revents & ~POLLOUT) != 0)
		stream.TakeIn();
	if (Waiter::Clock::now() >= next_report_)
		Confirm(stream);
}

// Everything that has happened was written by now; once it is safe there, the server may forget it.
void
Follower::Confirm(Stream &stream)
{
	output_.Sync();
	assembler_.Confirm();
	stream.Report(assembler_.Reached());
	next_report_ = Waiter::Clock::now() + options_.status_interval;
}

void
Follower::End(Stream &stream)
{
	Drain(stream);
	Confirm(stream);
	if (!stream.Finish(waiter_, Waiter::Clock::now() + kPatienceAtTheEnd))
		Say("the server did not answer at the end: the last changes may come again");
}

// Returns if it is worth another attempt; otherwise throws the failure that ends the program.
void
Follower::Judge(const Failure &failure)
{
	if (!options_.slot && was_connected_ && failure.may_pass)
		throw Failure(ExitCode::kLost, std::string(failure.what()) +
										   "\nThe temporary slot went with the connection: there is nothing to resume "
										   "from. With --slot there would be.");
	// Where nobody ever answered, the address is as likely to be wrong as the server to be down.
	bool never_answered = failure.sqlstate.empty() && !was_connected_;
	if (!options_.slot || !failure.may_pass || never_answered || IsBusyForTooLong(failure))
		throw failure;
	pause_ = backoff_.Next();
	Say(failure.what() + ("\ntrying again in " + std::to_string(pause_.count()) + " ms"));
}

bool
Follower::IsBusyForTooLong(const Failure &failure)
{
	static constexpr std::string_view kObjectInUse = "55006";
	if (failure.sqlstate != kObjectInUse) {
		busy_since_.reset();
		return false;
	}
	if (!busy_since_)
		busy_since_ = Waiter::Clock::now();
	return Waiter::Clock::now() - *busy_since_ > kPatienceWithTheOther;
}

void
Follower::Pause()
{
	Waiter::Time end = Waiter::Clock::now() + pause_;
	while (Waiter::Clock::now() < end) {
		pollfd reader = output_.Watch();
		waiter_.Wait({&reader, 1}, end);
		if (waiter_.Stops() > 0)
			throw Stopped();
		Output::Check(reader);
	}
}

} // namespace

void
Tail(const TailOptions &options, Waiter &waiter)
{
	RefuseOwnOptions(options.plugin_options);
	waiter.TakeSignals();
	Follower(options, waiter).Run();
}

} // namespace txsync::client
