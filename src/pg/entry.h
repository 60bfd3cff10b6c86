#pragma once
// The door out: how the server enters C++. Every function that the server can call is a few lines around Entry.

#include "pg/error.h"

namespace txsync::pg {

namespace detail {

// What is left of an exception once its catch block has ended. Plain data: an ereport may jump over it.
struct Caught
{
	ErrorData *error = nullptr; // a PostgreSQL error that passed through
	int sqlstate = 0;
	const char *message = nullptr;
	const char *detail = nullptr;
	const char *hint = nullptr;
};

// Describes the exception that is being handled. Call it inside a catch block only; it allocates in `context`.
Caught Describe(MemoryContext context) noexcept;

[[noreturn]] void Raise(const Caught &caught);

} // namespace detail

// Runs f and returns what it returns. Any exception ends as an ereport(ERROR), raised only after the catch block has
// been left: an ereport inside it would leave the exception alive for the rest of the session.
template <class F>
auto
Entry(F &&f) -> decltype(f())
{
	MemoryContext context = CurrentMemoryContext;
	sigjmp_buf *exception_stack = PG_exception_stack;
	ErrorContextCallback *error_context = error_context_stack;
	detail::Caught caught;
	try {
		return f();
	} catch (...) {
		PG_exception_stack = exception_stack;
		error_context_stack = error_context;
		CurrentMemoryContext = context;
		caught = detail::Describe(context);
	}
	detail::Raise(caught);
}

} // namespace txsync::pg
