#include "core/buffer.h"

#include <algorithm>
#include <new>

#include "core/no_postgres.h"

namespace txsync::core {

void
Buffer::Clear(size_t keep)
{
	size_ = 0;
	if (capacity_ > keep) {
		bytes_.reset();
		capacity_ = 0;
	}
}

void
Buffer::Grow(size_t n)
{
	if (n > limit_ - std::min(size_, limit_))
		throw BufferFull();
	// Room for the next key as well: it should not make a large value before it move again.
	constexpr size_t kMore = 1024;
	size_t wanted = std::max(size_ + n + kMore, capacity_ * 2);
	auto *bigger = static_cast<char *>(std::realloc(bytes_.get(), wanted)); // often in place
	if (bigger == nullptr)
		throw std::bad_alloc();
	bytes_.release();
	bytes_.reset(bigger);
	capacity_ = wanted;
}

} // namespace txsync::core
