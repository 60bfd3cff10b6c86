#include "core/buffer.h"

#include <algorithm>

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
	auto bigger = std::unique_ptr<char[]>(new char[wanted]);
	if (size_ > 0)
		std::memcpy(bigger.get(), bytes_.get(), size_);
	bytes_ = std::move(bigger);
	capacity_ = wanted;
}

} // namespace txsync::core
