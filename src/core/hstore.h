#pragma once
// What the extension hstore stores, so that its values can be read without calling its functions.

#include <cstdint>
#include <string_view>

namespace txsync::core {

// The pairs of one value, in the order in which hstore keeps them. Nothing is read of damaged bytes, nor of the form
// that PostgreSQL 8.4 wrote: IsReadable() is false.
class Hstore
{
public:
	struct Pair
	{
		std::string_view key;
		std::string_view value; // data() == nullptr: null
	};

	// The bytes behind the value's length word; the pairs are views into them.
	explicit Hstore(std::string_view bytes);

	bool
	IsReadable() const
	{
		return readable_;
	}

	uint32_t
	Count() const
	{
		return count_;
	}

	Pair At(uint32_t index) const;

private:
	uint32_t Entry(uint32_t index) const;
	uint32_t EndOf(uint32_t index) const;
	std::string_view Text(uint32_t index) const;

	std::string_view bytes_;
	uint32_t count_ = 0;
	bool readable_ = false;
};

} // namespace txsync::core
