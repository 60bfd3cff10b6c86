#include "pg/entry.h"

#include <exception>
#include <new>

namespace txsync::pg::detail {

namespace {

// Null when memory is out: a catch block must not ereport.
const char *
Copy(MemoryContext context, std::string_view text) noexcept
{
	auto *copy =
		static_cast<char *>(MemoryContextAllocExtended(context, text.size() + 1, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE));
	if (copy != nullptr) {
		std::memcpy(copy, text.data(), text.size());
		copy[text.size()] = '\0';
	}
	return copy;
}

const char *
CopyUnlessEmpty(MemoryContext context, std::string_view text) noexcept
{
	return text.empty() ? nullptr : Copy(context, text);
}

} // namespace

Caught
Describe(MemoryContext context) noexcept
{
	Caught caught;
	try {
		throw;
	} catch (const Error &e) {
		caught.error = e.data;
	} catch (const Failure &e) {
		caught.sqlstate = e.sqlstate;
		caught.message = Copy(context, e.message);
		caught.detail = CopyUnlessEmpty(context, e.detail);
		caught.hint = CopyUnlessEmpty(context, e.hint);
	} catch (const std::bad_alloc &) {
		caught.sqlstate = ERRCODE_OUT_OF_MEMORY;
		caught.message = "out of memory";
	} catch (const std::exception &e) {
		caught.sqlstate = ERRCODE_INTERNAL_ERROR;
		caught.message = Copy(context, e.what());
	} catch (...) {
		caught.sqlstate = ERRCODE_INTERNAL_ERROR;
		caught.message = "unknown C++ exception";
	}
	return caught;
}

void
Raise(const Caught &caught)
{
	if (caught.error != nullptr)
		ReThrowError(caught.error);
	ereport(ERROR, (errcode(caught.sqlstate),
					errmsg_internal("%s", caught.message != nullptr ? caught.message : "out of memory"),
					caught.detail != nullptr ? errdetail_internal("%s", caught.detail) : 0,
					caught.hint != nullptr ? errhint("%s", caught.hint) : 0));
	pg_unreachable();
}

} // namespace txsync::pg::detail
