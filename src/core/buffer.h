#pragma once
// A growable run of bytes: the one thing that the hot path writes to. Unlike std::string it grows without zero-filling,
// so that a formatter can reserve the most that it may need, write, and say how much it wrote.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <string_view>
#include <utility>

namespace txsync::core {

// Thrown by a buffer that is not to grow any more.
struct BufferFull : std::exception
{
	const char *
	what() const noexcept override
	{
		return "a buffer is full";
	}
};

class Buffer
{
public:
	Buffer() = default;
	Buffer(const Buffer &) = delete;
	Buffer &operator=(const Buffer &) = delete;

	// Room for n more bytes, valid until the next call that may grow. Throws std::bad_alloc.
	char *
	Reserve(size_t n)
	{
		if (capacity_ - size_ < n) [[unlikely]]
			Grow(n);
		return bytes_.get() + size_;
	}

	// Says where the bytes written into the last Reserve()d room end.
	void
	CommitTo(const char *end)
	{
		size_ = static_cast<size_t>(end - bytes_.get());
	}

	void
	Append(std::string_view text)
	{
		if (text.empty()) // memcpy wants no null pointer, not even for nothing
			return;
		char *at = Reserve(text.size());
		std::memcpy(at, text.data(), text.size());
		size_ += text.size();
	}

	void
	Append(char c)
	{
		*Reserve(1) = c;
		size_++;
	}

	// What is there already from `at` on.
	void
	Overwrite(size_t at, std::string_view text)
	{
		std::memcpy(bytes_.get() + at, text.data(), text.size());
	}

	size_t
	Size() const
	{
		return size_;
	}

	std::string_view
	View() const
	{
		return {bytes_.get(), size_};
	}

	std::string_view
	Since(size_t start) const
	{
		return View().substr(start);
	}

	// Cuts back to an earlier size.
	void
	Truncate(size_t size)
	{
		size_ = size;
	}

	// From here on it throws BufferFull rather than grow beyond this size; what it has room for already it still takes.
	void
	LimitTo(size_t size)
	{
		limit_ = size;
	}

	// Empties it; gives memory back if one large record made it grow beyond `keep` bytes.
	void Clear(size_t keep);

private:
	struct Free
	{
		void
		operator()(char *bytes) const
		{
			std::free(bytes);
		}
	};

	void Grow(size_t n);

	std::unique_ptr<char[], Free> bytes_;
	size_t size_ = 0;
	size_t capacity_ = 0;
	size_t limit_ = SIZE_MAX;
};

} // namespace txsync::core
