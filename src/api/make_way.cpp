#include "api/make_way.h"

#include "api/seats.h"
#include "pg/call.h"
#include "pg/compat.h"
#include "pg/entry.h"

extern "C" {
#include "catalog/objectaccess.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "storage/latch.h"
#include "tcop/utility.h"
#include "utils/wait_event.h"
}

namespace txsync::api {

namespace {

ProcessUtility_hook_type next_utility;
object_access_hook_type next_access;

// How long a worker may take to leave. Then the command says itself what is in its way.
constexpr int kPatienceMs = 5000;

// After this time it is told more clearly.
constexpr int kPolitelyMs = 1000;

const char *
TextOption(List *options, const char *name)
{
	for (int i = 0; i < list_length(options); i++) {
		auto *option = static_cast<DefElem *>(list_nth(options, i));
		if (strcmp(option->defname, name) == 0)
			return defGetString(option);
	}
	return nullptr;
}

// The database that a command wants for itself, or null.
const char *
WantedBy(Node *command)
{
	if (IsA(command, DropdbStmt))
		return reinterpret_cast<DropdbStmt *>(command)->dbname;
	if (IsA(command, RenameStmt) && reinterpret_cast<RenameStmt *>(command)->renameType == OBJECT_DATABASE)
		return reinterpret_cast<RenameStmt *>(command)->subname;
	if (IsA(command, AlterDatabaseStmt)) {
		auto *alter = reinterpret_cast<AlterDatabaseStmt *>(command);
		return TextOption(alter->options, "tablespace") != nullptr ? alter->dbname : nullptr;
	}
	if (IsA(command, CreatedbStmt))
		return TextOption(reinterpret_cast<CreatedbStmt *>(command)->options, "template");
	return nullptr;
}

// Keeps a database's workers out for a scope.
class Hold
{
public:
	explicit Hold(Oid database)
		: database_(database)
	{
		WithSeat(database, [](Seat &seat) {
			seat.held_by = MyProcPid;
			if (seat.latch != nullptr)
				SetLatch(seat.latch);
		});
	}
	Hold(const Hold &) = delete;
	~Hold()
	{
		WithSeat(database_, [](Seat &seat) { seat.held_by = 0; });
		WakeLauncher();
	}

	void
	AwaitLeave() const
	{
		constexpr int kStepMs = 5;
		for (int waited = 0; IsOccupied() && waited < kPatienceMs; waited += kStepMs) {
			if (waited == kPolitelyMs)
				Terminate();
			pg::Call([] {
				WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, kStepMs, PG_WAIT_EXTENSION);
				ResetLatch(MyLatch);
			});
			pg::CheckForInterrupts();
		}
	}

private:
	// It may be busy for long. What it was doing it will do again.
	void
	Terminate() const
	{
		WithSeat(database_, [](Seat &seat) {
			for (pid_t pid : {seat.pid, seat.compactor.pid}) {
				if (pid != 0)
					kill(pid, SIGTERM);
			}
		});
	}

	bool
	IsOccupied() const
	{
		bool occupied = false;
		WithSeat(database_, [&](Seat &seat) {
			occupied = seat.pid != 0 || seat.state == SeatState::kStarting || seat.compactor.pid != 0 ||
					   seat.compactor.asked != 0;
		});
		return occupied;
	}

	Oid database_;
};

template <class F>
void
Alone(const char *name, F &&command)
{
	Oid database = pg::Call([&] {
		Oid oid = get_database_oid(name, true);
		return OidIsValid(oid) && pg::OwnsDatabase(oid, GetUserId()) ? oid : InvalidOid;
	});
	if (!OidIsValid(database)) {
		command();
		return;
	}
	Hold hold(database);
	hold.AwaitLeave();
	command();
}

void
OnAccess(ObjectAccessType access, Oid catalog, Oid object, int part, void *arg)
{
	if (next_access != nullptr)
		next_access(access, catalog, object, part, arg);
	if (access == OAT_DROP && catalog == ExtensionRelationId)
		LookAgainAtCommit();
}

} // namespace

extern "C" {

static void
on_utility(PlannedStmt *statement, const char *text, bool read_only, ProcessUtilityContext context,
		   ParamListInfo parameters, QueryEnvironment *environment, DestReceiver *receiver, QueryCompletion *completion)
{
	auto *run = next_utility != nullptr ? next_utility : standard_ProcessUtility;
	auto command = [&] { run(statement, text, read_only, context, parameters, environment, receiver, completion); };
	const char *wanted = WantedBy(statement->utilityStmt);
	if (wanted == nullptr)
		command();
	else
		pg::Entry([&] { Alone(wanted, [&] { pg::Call(command); }); });
}

} // extern "C"

void
MakeWay()
{
	next_utility = ProcessUtility_hook;
	ProcessUtility_hook = on_utility;
	next_access = object_access_hook;
	object_access_hook = OnAccess;
}

} // namespace txsync::api
