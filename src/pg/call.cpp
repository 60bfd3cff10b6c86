#include "pg/call.h"

#include <new>

namespace txsync::pg::detail {

void
ThrowCaught(MemoryContext context)
{
	// CopyErrorData allocates, so it can fail in turn; and it must not run in ErrorContext.
	StackGuard guard;
	sigjmp_buf here;
	MemoryContextSwitchTo(context);
	if (sigsetjmp(here, 0) == 0) {
		PG_exception_stack = &here;
		ErrorData *data = CopyErrorData();
		FlushErrorState();
		throw Error{data};
	}
	MemoryContextSwitchTo(context);
	FlushErrorState();
	throw std::bad_alloc();
}

} // namespace txsync::pg::detail

namespace txsync::pg {

bool
Error::IsTooLarge() const
{
	return data->sqlerrcode == ERRCODE_PROGRAM_LIMIT_EXCEEDED ||
		   (data->sqlerrcode == ERRCODE_INTERNAL_ERROR && data->message != nullptr &&
			strncmp(data->message, "invalid memory alloc request size", 33) == 0);
}

bool
Error::IsTooDeep() const
{
	return data->sqlerrcode == ERRCODE_STATEMENT_TOO_COMPLEX;
}

} // namespace txsync::pg
