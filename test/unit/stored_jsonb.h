#pragma once
// jsonb as the server stores it, made from JSON.

#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace txsync::test {

// The stored form, written as the server writes it. Numbers are integers from 0.
class StoredJsonb
{
public:
	// Without the length word. A scalar stands in an array of one that says so.
	static std::string
	Of(const nlohmann::json &json)
	{
		StoredJsonb stored;
		if (json.is_structured())
			stored.Container(json, 0);
		else
			stored.Container(nlohmann::json::array({json}), kScalar);
		return stored.bytes_;
	}

private:
	static constexpr uint32_t kScalar = 0x10000000;
	static constexpr uint32_t kObject = 0x20000000;
	static constexpr uint32_t kArray = 0x40000000;
	static constexpr uint32_t kHasOffset = 0x80000000;
	static constexpr size_t kStride = 32;

	void
	Word(uint32_t word, size_t at)
	{
		std::memcpy(bytes_.data() + at, &word, sizeof word);
	}

	void
	Pad()
	{
		bytes_.append((4 - bytes_.size() % 4) % 4, '\0');
	}

	void
	Container(const nlohmann::json &json, uint32_t flags)
	{
		std::vector<nlohmann::json> entries;
		if (json.is_object()) {
			for (const auto &member : json.items())
				entries.emplace_back(member.key());
		}
		for (const nlohmann::json &value : json)
			entries.push_back(value);

		Pad();
		size_t header = bytes_.size();
		bytes_.append(4 + 4 * entries.size(), '\0');
		Word(static_cast<uint32_t>(json.size()) | flags | (json.is_object() ? kObject : kArray), header);
		size_t content = bytes_.size();
		for (size_t i = 0; i < entries.size(); i++) {
			size_t before = bytes_.size();
			uint32_t type = Value(entries[i]);
			// An offset where it is the place for one, to find entries faster; lengths elsewhere, to compress better.
			size_t written = bytes_.size() - (i % kStride == 0 ? content : before);
			Word(type | (i % kStride == 0 ? kHasOffset : 0) | static_cast<uint32_t>(written), header + 4 + 4 * i);
		}
	}

	// Returns the entry's type.
	uint32_t
	Value(const nlohmann::json &json)
	{
		if (json.is_null())
			return 0x40000000;
		if (json.is_boolean())
			return json.get<bool>() ? 0x30000000 : 0x20000000;
		if (json.is_string()) {
			bytes_ += json.get<std::string>();
			return 0;
		}
		if (json.is_number()) {
			Numeric(json.get<uint64_t>());
			return 0x10000000;
		}
		Container(json, 0);
		return 0x50000000;
	}

	void
	Numeric(uint64_t number)
	{
		std::vector<uint16_t> words;
		for (; number > 0; number /= 10000)
			words.insert(words.begin(), static_cast<uint16_t>(number % 10000));
		words.insert(words.begin(), static_cast<uint16_t>(0x8000 + (words.empty() ? 0 : words.size() - 1)));
		Pad();
		bytes_.append(4, '\0');
		Word(static_cast<uint32_t>(4 + 2 * words.size()) << 2, bytes_.size() - 4);
		bytes_.append(reinterpret_cast<const char *>(words.data()), 2 * words.size());
	}

	std::string bytes_;
};

} // namespace txsync::test
