#include "core/hstore.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace txsync::core {
namespace {

using Pairs = std::vector<std::pair<std::string, std::optional<std::string>>>;

void
Put(std::string &bytes, uint32_t word)
{
	bytes.append(reinterpret_cast<const char *>(&word), sizeof word);
}

// As hstore.h of contrib has it.
std::string
Stored(const Pairs &pairs)
{
	std::string bytes, texts;
	Put(bytes, 0x80000000 | static_cast<uint32_t>(pairs.size()));
	for (const auto &[key, value] : pairs) {
		texts += key;
		Put(bytes, static_cast<uint32_t>(texts.size()) | (texts.size() == key.size() ? 0x80000000 : 0));
		texts += value.value_or("");
		Put(bytes, static_cast<uint32_t>(texts.size()) | (value ? 0 : 0x40000000));
	}
	return bytes + texts;
}

// Behind the last byte is no other: a sanitizer sees who reads on.
std::optional<Pairs>
Read(std::string_view stored)
{
	std::vector<char> exact(stored.begin(), stored.end());
	Hstore hstore({exact.data(), exact.size()});
	if (!hstore.IsReadable())
		return {};
	Pairs pairs;
	for (uint32_t i = 0; i < hstore.Count(); i++) {
		Hstore::Pair pair = hstore.At(i);
		std::optional<std::string> value;
		if (pair.value.data() != nullptr)
			value = pair.value;
		pairs.emplace_back(pair.key, value);
	}
	return pairs;
}

TEST(Hstore, ReadsWhatIsStored)
{
	for (const Pairs &pairs : {Pairs{}, Pairs{{"a", "1"}}, Pairs{{"", ""}}, Pairs{{"", std::nullopt}},
							   Pairs{{"k", std::nullopt}, {"ä \"", "ż"}, {"key", std::string(70000, 'x')}, {"z", ""}}})
		EXPECT_EQ(Read(Stored(pairs)), pairs);
}

TEST(Hstore, EmptyOfOldIsEmpty)
{
	EXPECT_EQ(Read(std::string(4, '\0')), Pairs());
}

TEST(Hstore, ReadsNoOtherForm)
{
	std::string stored = Stored({{"key", "value"}, {"other", std::nullopt}});
	for (size_t size = 0; size < stored.size(); size++)
		EXPECT_EQ(Read(std::string_view(stored).substr(0, size)), std::nullopt) << size;

	std::string old;
	Put(old, 1);
	EXPECT_EQ(Read(old + stored.substr(4)), std::nullopt);

	std::string backward;
	Put(backward, 0x80000001);
	Put(backward, 0x80000003);
	Put(backward, 2);
	EXPECT_EQ(Read(backward + "abc"), std::nullopt);

	std::string many;
	Put(many, 0x8FFFFFFF);
	EXPECT_EQ(Read(many + "abc"), std::nullopt);
}

} // namespace
} // namespace txsync::core
