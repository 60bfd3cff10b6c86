#pragma once
// Random input that is the same in every run.

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace txsync::test {

class Random
{
public:
	explicit Random(uint64_t seed)
		: engine_(seed)
	{}

	// Any 64 bits.
	uint64_t
	Bits()
	{
		return engine_();
	}

	// 0 … n - 1. Not a std distribution: these differ between standard libraries.
	uint64_t
	Below(uint64_t n)
	{
		return engine_() % n;
	}

	// A number of a random bit length: small and large ones are equally likely.
	uint64_t
	AnySize()
	{
		return engine_() >> Below(64);
	}

	// `size` of the alphabet's bytes.
	std::string
	Text(size_t size, std::string_view alphabet)
	{
		std::string text;
		for (size_t i = 0; i < size; i++)
			text += alphabet[Below(alphabet.size())];
		return text;
	}

	// `size` bytes of any value.
	std::string
	Bytes(size_t size)
	{
		std::string bytes;
		for (size_t i = 0; i < size; i++)
			bytes += static_cast<char>(engine_());
		return bytes;
	}

private:
	std::mt19937_64 engine_;
};

} // namespace txsync::test
