#pragma once
// C++ objects that live as long as a memory context does, whatever ends it: an ERROR included.

#include "pg/call.h"

#include <new>

namespace txsync::pg {

// Builds a T in `context`; its destructor runs when the context is reset or deleted.
template <class T, class... Args>
T *
Construct(MemoryContext context, Args &&...args)
{
	static_assert(std::is_nothrow_destructible_v<T>);
	struct Box
	{
		MemoryContextCallback callback;
		alignas(T) unsigned char object[sizeof(T)];
	};
	static_assert(alignof(Box) <= MAXIMUM_ALIGNOF);

	auto *box = static_cast<Box *>(Call([&] { return MemoryContextAlloc(context, sizeof(Box)); }));
	auto *object = new (box->object) T(std::forward<Args>(args)...);
	box->callback.func = [](void *arg) { static_cast<T *>(arg)->~T(); };
	box->callback.arg = object;
	MemoryContextRegisterResetCallback(context, &box->callback);
	return object;
}

inline MemoryContext
MakeContext(MemoryContext parent, const char *name)
{
	return Call([&] { return AllocSetContextCreateInternal(parent, name, ALLOCSET_DEFAULT_SIZES); });
}

// Makes a context current for a scope.
class ContextScope
{
public:
	explicit ContextScope(MemoryContext context)
		: outer_(MemoryContextSwitchTo(context))
	{}
	ContextScope(const ContextScope &) = delete;
	~ContextScope()
	{
		MemoryContextSwitchTo(outer_);
	}

private:
	MemoryContext outer_;
};

} // namespace txsync::pg
