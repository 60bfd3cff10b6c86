// Faults of every kind, committed below C++ frames that hold objects, and an account of what they leave behind.

#include <chrono>
#include <exception>
#include <new>
#include <stdexcept>

#include "pg/entry.h"
#include "pg/memory.h"
#include "pg/spi.h"

extern "C" {
#include "utils/builtins.h"

PG_MODULE_MAGIC;
}

namespace txsync::doors {

namespace {

// Counts its own lives. The counters outlive every error: that is what they are for.
struct Counted
{
	static inline int built = 0;
	static inline int alive = 0;

	Counted()
	{
		built++;
		alive++;
	}
	Counted(const Counted &)
		: Counted()
	{}
	~Counted()
	{
		alive--;
	}
};

// An exception that tells by its member whether it was destroyed.
struct CountedError : std::runtime_error
{
	using std::runtime_error::runtime_error;
	Counted counted;
};

// What a guarded call has to give back when it fails.
struct Surroundings
{
	static inline int lost = 0; // how often it did not
	sigjmp_buf *exception_stack = PG_exception_stack;
	ErrorContextCallback *error_context = error_context_stack;
	MemoryContext memory = CurrentMemoryContext;

	bool operator==(const Surroundings &) const = default;
};

using Fault = void (*)();

void
RaiseFailure()
{
	throw pg::Failure{MAKE_SQLSTATE('T', 'X', '0', '0', '1'), "the door is 100% shut: %s", "It has a \"%d\" on it.",
					  "Knock 50% harder."};
}

void
RaiseReport()
{
	pg::Call([] {
		MemoryContextSwitchTo(TopMemoryContext);
		ereport(ERROR,
				(errcode(ERRCODE_CHECK_VIOLATION), errmsg("the server said no"), errdetail("It said it twice."),
				 errhint("Ask a third time."), errcontext("while it was asked"),
				 err_generic_string(PG_DIAG_SCHEMA_NAME, "a schema"), err_generic_string(PG_DIAG_TABLE_NAME, "a table"),
				 err_generic_string(PG_DIAG_COLUMN_NAME, "a column"),
				 err_generic_string(PG_DIAG_DATATYPE_NAME, "a type"),
				 err_generic_string(PG_DIAG_CONSTRAINT_NAME, "a constraint")));
	});
}

void
BreakKey()
{
	pg::Spi spi;
	spi.Execute("INSERT INTO doors.taken VALUES (1), (1)");
}

void
Translate()
{
	try {
		throw CountedError("not for the user");
	} catch (const CountedError &) {
		throw pg::Failure{ERRCODE_FEATURE_NOT_SUPPORTED, "for the user"};
	}
}

// Throws while the server's stacks lead into this frame, which is about to go.
void
Litter()
{
	sigjmp_buf nowhere;
	ErrorContextCallback callback = {error_context_stack, [](void *) { errcontext("in a frame that is gone"); },
									 nullptr};
	error_context_stack = &callback;
	PG_exception_stack = &nowhere;
	throw CountedError("left in a hurry");
}

// Tells by a lock that it has begun; gives up after a minute, should nothing interrupt it.
void
Spin()
{
	Counted counted;
	pg::Spi spi;
	spi.Execute("SELECT pg_advisory_xact_lock(42)");
	auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
	while (std::chrono::steady_clock::now() < end)
		pg::CheckForInterrupts();
	throw pg::Failure{ERRCODE_INTERNAL_ERROR, "nothing interrupted the loop"};
}

Fault
Find(std::string_view name)
{
	static constexpr std::pair<std::string_view, Fault> kFaults[] = {
		{"none", [] {}},
		{"failure", RaiseFailure},
		{"short failure",
		 [] {
			 throw pg::Failure{ERRCODE_RAISE_EXCEPTION, "no more than this"};
		 }},
		{"exception", [] { throw CountedError("something %s went wrong"); }},
		{"bad_alloc", [] { throw std::bad_alloc(); }},
		{"int", [] { throw 42; }},
		{"ereport", RaiseReport},
		{"elog", [] { pg::Call([] { elog(ERROR, "the server is at a loss"); }); }},
		{"key", BreakKey},
		{"translated", Translate},
		{"litter", Litter},
		{"spin", Spin},
	};
	for (const auto &[known, fault] : kFaults) {
		if (known == name)
			return fault;
	}
	throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, "no fault is called \"" + std::string(name) + "\""};
}

void
Frames(int frames, Fault fault)
{
	Counted counted;
	if (frames == 0)
		return fault();
	Surroundings before;
	try {
		pg::Call([&] { Frames(frames - 1, fault); });
	} catch (...) {
		if (before != Surroundings())
			Surroundings::lost++;
		throw;
	}
}

void
Nest(std::string_view fault, int levels)
{
	Counted counted;
	if (levels == 0)
		return Frames(2, Find(fault));
	pg::Spi spi;
	spi.Execute("SELECT doors.step(" + pg::QuoteLiteral(fault) + ", " + std::to_string(levels - 1) + ")");
}

uint64_t
Recover(Fault fault)
{
	try {
		Frames(3, fault);
	} catch (const CountedError &) {
		Counted counted;
		return pg::Spi().Execute("SELECT FROM generate_series(1, 3)");
	}
	return 0;
}

struct Building
{
	Counted part;

	explicit Building(Fault fault)
	{
		Frames(1, fault);
	}
};

// Whether it lies in a frame of a caller: stacks grow downwards.
bool
IsLive(const void *object)
{
	return object > __builtin_frame_address(0);
}

// Starts a new count of what is built.
const char *
State()
{
	bool clean = std::current_exception() == nullptr && std::uncaught_exceptions() == 0;
	bool sane = Surroundings::lost == 0 && IsLive(PG_exception_stack) &&
				(error_context_stack == nullptr || IsLive(error_context_stack));
	return psprintf("%d built, %d alive, %s, %s", std::exchange(Counted::built, 0), Counted::alive,
					clean ? "no exception" : "AN EXCEPTION", sane ? "stacks as before" : "STACKS LOST");
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(doors_fail);
PG_FUNCTION_INFO_V1(doors_nest);
PG_FUNCTION_INFO_V1(doors_recover);
PG_FUNCTION_INFO_V1(doors_construct);
PG_FUNCTION_INFO_V1(doors_state);

Datum
doors_fail(PG_FUNCTION_ARGS)
{
	const char *fault = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int frames = PG_GETARG_INT32(1);
	pg::Entry([&] { Frames(frames, Find(fault)); });
	PG_RETURN_VOID();
}

Datum
doors_nest(PG_FUNCTION_ARGS)
{
	const char *fault = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int levels = PG_GETARG_INT32(1);
	pg::Entry([&] { Nest(fault, levels); });
	PG_RETURN_VOID();
}

Datum
doors_recover(PG_FUNCTION_ARGS)
{
	const char *fault = text_to_cstring(PG_GETARG_TEXT_PP(0));
	uint64_t rows = pg::Entry([&] { return Recover(Find(fault)); });
	return Int64GetDatum(rows);
}

Datum
doors_construct(PG_FUNCTION_ARGS)
{
	const char *fault = text_to_cstring(PG_GETARG_TEXT_PP(0));
	pg::Entry([&] { pg::Construct<Building>(CurTransactionContext, Find(fault)); });
	PG_RETURN_VOID();
}

Datum
doors_state(PG_FUNCTION_ARGS)
{
	(void) fcinfo;
	const char *state = pg::Entry(State);
	return CStringGetTextDatum(state);
}

} // extern "C"

} // namespace txsync::doors
