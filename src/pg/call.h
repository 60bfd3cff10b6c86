#pragma once
// The door in: how C++ calls PostgreSQL. A frame that holds an object with a destructor goes through Call; a frame that
// holds none may call directly, since an ERROR that jumps over it skips nothing.

#include "pg/error.h"

namespace txsync::pg {

namespace detail {

// Turns the ERROR that has just jumped here into an exception: pg::Error, or std::bad_alloc when it cannot even be
// copied.
[[noreturn]] void ThrowCaught(MemoryContext context);

// Gives the stacks back on every way out, so that an exception thrown inside a guarded call is safe as well.
struct StackGuard
{
	sigjmp_buf *exception_stack = PG_exception_stack;
	ErrorContextCallback *error_context = error_context_stack;

	StackGuard() = default;
	StackGuard(const StackGuard &) = delete;
	~StackGuard()
	{
		PG_exception_stack = exception_stack;
		error_context_stack = error_context;
	}
};

} // namespace detail

// Runs f, a lambda that calls PostgreSQL and whose own frame holds nothing with a destructor; an ERROR becomes an
// exception. Costs about 3 ns: sigsetjmp without the signal mask, as PG_TRY does it.
template <class F>
auto
Call(F &&f) -> decltype(f())
{
	static_assert(std::is_void_v<decltype(f())> || std::is_trivially_destructible_v<decltype(f())>,
				  "what a guarded call returns must not need a destructor");
	MemoryContext context = CurrentMemoryContext;
	detail::StackGuard guard;
	sigjmp_buf here;
	if (sigsetjmp(here, 0) == 0) {
		PG_exception_stack = &here;
		return f();
	}
	PG_exception_stack = guard.exception_stack;
	error_context_stack = guard.error_context;
	detail::ThrowCaught(context);
}

// For loops in C++: a cancelled query, a timeout or a terminated backend ends them here.
inline void
CheckForInterrupts()
{
	if (INTERRUPTS_PENDING_CONDITION())
		Call([] { ProcessInterrupts(); });
}

inline void
Warn(const std::string &message, const char *hint)
{
	Call([&] { ereport(WARNING, (errmsg_internal("%s", message.c_str()), errhint("%s", hint))); });
}

} // namespace txsync::pg
