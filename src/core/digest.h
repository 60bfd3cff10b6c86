#pragma once
// Hashes of 128 bits under a secret seed: who does not know it cannot choose texts whose hashes are the same.

#include <cstdint>
#include <cstring>
#include <string_view>

namespace txsync::core {

struct Digest
{
	uint64_t a = 0;
	uint64_t b = 0;

	friend bool operator==(const Digest &, const Digest &) = default;
};

// Of texts one behind the other, which stay apart: "ab", "c" is another than "a", "bc", and null another than "".
class Hasher
{
public:
	explicit Hasher(const Digest &seed)
		: seed_(seed)
		, now_(seed)
	{}

	void
	Add(std::string_view text)
	{
		uint64_t size = text.data() == nullptr ? 0 : text.size() + 1;
		for (; text.size() >= kBlock; text.remove_prefix(kBlock))
			Mix(text.data());
		if (!text.empty()) {
			char last[kBlock] = {};
			std::memcpy(last, text.data(), text.size());
			Mix(last);
		}
		Add(size);
	}

	void
	Add(uint64_t number)
	{
		now_ = {Fold(now_.a ^ number, kOdd), Fold(now_.b ^ number, kOther)};
	}

	const Digest &
	Now() const
	{
		return now_;
	}

private:
	static constexpr size_t kBlock = 16;
	static constexpr uint64_t kOdd = 0x9E3779B97F4A7C15;
	static constexpr uint64_t kOther = 0xD1B54A32D192ED03;

	static uint64_t
	Fold(uint64_t x, uint64_t y)
	{
		auto product = static_cast<unsigned __int128>(x) * y;
		return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
	}

	void
	Mix(const char *block)
	{
		uint64_t first;
		uint64_t second;
		std::memcpy(&first, block, sizeof first);
		std::memcpy(&second, block + sizeof first, sizeof second);
		now_ = {Fold(first ^ seed_.b, second ^ now_.a), Fold(second ^ seed_.a, first ^ now_.b)};
	}

	Digest seed_;
	Digest now_;
};

} // namespace txsync::core
