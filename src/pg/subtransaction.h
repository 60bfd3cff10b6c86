#pragma once
// The only way to catch an error and go on.

#include "pg/call.h"

extern "C" {
#include "access/xact.h"
#include "utils/resowner.h"
}

namespace txsync::pg {

namespace detail {

// The same error in the current memory context.
Error Copy(const Error &error);

// A subtransaction for a scope: begun, and at its end either kept or undone.
class Subtransaction
{
public:
	Subtransaction()
	{
		Call([] { BeginInternalSubTransaction(nullptr); });
		MemoryContextSwitchTo(context_);
	}
	Subtransaction(const Subtransaction &) = delete;

	void
	Keep()
	{
		Call([] { ReleaseCurrentSubTransaction(); });
		Restore();
	}

	void
	Undo()
	{
		MemoryContextSwitchTo(context_);
		Call([] { RollbackAndReleaseCurrentSubTransaction(); });
		Restore();
	}

private:
	void
	Restore()
	{
		MemoryContextSwitchTo(context_);
		CurrentResourceOwner = owner_;
	}

	MemoryContext context_ = CurrentMemoryContext;
	ResourceOwner owner_ = CurrentResourceOwner;
};

} // namespace detail

// Runs f in a subtransaction, with the caller's memory context. What f throws comes out of here once all that f did is
// undone, and may then be caught. To be left only by an exception or the end of f.
template <class F>
void
InSubtransaction(F &&f)
{
	MemoryContext context = CurrentMemoryContext;
	detail::Subtransaction subtransaction;
	try {
		f();
		subtransaction.Keep();
	} catch (const Error &error) {
		MemoryContextSwitchTo(context);
		Error copy = detail::Copy(error); // memory of the subtransaction goes with it
		subtransaction.Undo();
		throw copy;
	} catch (...) {
		subtransaction.Undo();
		throw;
	}
}

// The same, but what f did is undone even if it ends well.
template <class F>
void
InVain(F &&f)
{
	struct Done
	{};
	try {
		InSubtransaction([&] {
			f();
			throw Done();
		});
	} catch (const Done &) {
	}
}

} // namespace txsync::pg
