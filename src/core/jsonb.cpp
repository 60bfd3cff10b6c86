#include "core/jsonb.h"

#include <array>
#include <cstring>

#include "core/jsonb_layout.h"

#include "core/no_postgres.h"

namespace txsync::core {

using namespace jsonb;

namespace {

uint32_t
Load(const char *at)
{
	uint32_t word;
	std::memcpy(&word, at, kWord);
	return word;
}

JsonbEntry::Kind
KindOf(uint32_t entry)
{
	switch ((entry >> kKindShift) & kKindMask) {
	case 0:
		return JsonbEntry::Kind::kString;
	case 1:
		return JsonbEntry::Kind::kNumeric;
	case 2:
		return JsonbEntry::Kind::kFalse;
	case 3:
		return JsonbEntry::Kind::kTrue;
	case 4:
		return JsonbEntry::Kind::kNull;
	case 5:
		return JsonbEntry::Kind::kContainer;
	default:
		return JsonbEntry::Kind::kDamaged;
	}
}

// The member of the tx that a key names, or null.
std::string_view *
MemberOf(Tx &tx, std::string_view key)
{
	if (key == "transactionId")
		return &tx.transaction_id;
	if (key == "sourceId")
		return &tx.source_id;
	if (key == "changedField")
		return &tx.changed_field;
	return nullptr;
}

} // namespace

JsonbContainer::JsonbContainer(std::string_view bytes)
	: bytes_(bytes)
{
	if (bytes.size() < kWord)
		return;
	header_ = Load(bytes.data());
	uint64_t count = header_ & kCountMask;
	uint64_t entries = IsObject() ? count * 2 : count;
	uint64_t content = kWord + entries * kWord;
	if (content > bytes.size())
		return;
	content_ = bytes.substr(content);
	count_ = static_cast<uint32_t>(count);
}

bool
JsonbContainer::IsObject() const
{
	return (header_ & kObject) != 0;
}

bool
JsonbContainer::IsScalar() const
{
	return (header_ & kScalar) != 0;
}

const char *
JsonbContainer::EntryAt(uint32_t index) const
{
	return bytes_.data() + kWord + size_t{index} * kWord;
}

uint32_t
JsonbContainer::OffsetOf(uint32_t index) const
{
	uint32_t offset = 0;
	while (index > 0) {
		uint32_t entry = Load(EntryAt(--index));
		offset += entry & kOffsetOrLengthMask;
		if ((entry & kHasOffset) != 0)
			break;
	}
	return offset;
}

JsonbContainer::Cursor::Cursor(const JsonbContainer &container, uint32_t index)
	: entry_(container.Count() > 0 ? container.EntryAt(index) : nullptr)
	, content_(container.content_)
	, offset_(container.Count() > 0 ? container.OffsetOf(index) : 0)
{}

JsonbEntry
JsonbContainer::Cursor::Next()
{
	uint32_t word = Load(entry_);
	entry_ += kWord;
	uint32_t begin = offset_;
	uint32_t length_or_end = word & kOffsetOrLengthMask;
	offset_ = (word & kHasOffset) != 0 ? length_or_end : begin + length_or_end;

	JsonbEntry::Kind kind = KindOf(word);
	// Numbers and containers are aligned; the padding in front of them counts as theirs.
	if (kind == JsonbEntry::Kind::kNumeric || kind == JsonbEntry::Kind::kContainer)
		begin = (begin + kWord - 1) & ~(kWord - 1);
	if (begin > offset_ || offset_ > content_.size())
		return {};
	return {kind, content_.substr(begin, offset_ - begin)};
}

JsonbEntry
JsonbContainer::Find(std::string_view name) const
{
	for (const Member &member : Members()) {
		if (member.name == name)
			return member.value;
	}
	return {};
}

std::optional<std::vector<std::string_view>>
TextsOf(const JsonbContainer &array)
{
	if (array.IsObject() || array.IsScalar())
		return std::nullopt;
	std::vector<std::string_view> texts;
	for (const JsonbEntry &element : array.Elements()) {
		if (element.kind != JsonbEntry::Kind::kString)
			return std::nullopt;
		texts.push_back(element.bytes);
	}
	return texts;
}

std::optional<std::vector<std::string_view>>
TextsOf(const JsonbEntry &entry)
{
	if (entry.kind != JsonbEntry::Kind::kContainer)
		return std::nullopt;
	return TextsOf(JsonbContainer(entry.bytes));
}

bool
WriteArray(Buffer &out, std::span<const std::string_view> containers)
{
	ContainerWriter writer(out, kArray, containers.size(), containers.size());
	for (std::string_view container : containers) {
		writer.Align();
		out.Append(container);
		writer.End(kContainer);
	}
	return writer.Fits();
}

const char *
ReadTx(std::string_view jsonb, Tx &tx)
{
	JsonbContainer container(jsonb);
	if (!container.IsObject())
		return "tx is not an object";
	for (const auto &[name, value] : container.Members()) {
		std::string_view *member = MemberOf(tx, name);
		if (member == nullptr || value.kind == JsonbEntry::Kind::kNull)
			continue;
		*member = value.kind == JsonbEntry::Kind::kString ? value.bytes : ""; // which is none that a member may have
	}
	return Defect(tx);
}

namespace {

// The server sorts keys by their lengths.
constexpr std::string_view kTxKeys[] = {"sourceId", "changedField", "transactionId"};

std::array<std::string_view, std::size(kTxKeys)>
ValuesOf(const Tx &tx)
{
	return {tx.source_id, tx.changed_field, tx.transaction_id};
}

} // namespace

size_t
JsonbSize(const Tx &tx)
{
	size_t size = kWord * (1 + 2 * std::size(kTxKeys));
	for (std::string_view key : kTxKeys)
		size += key.size();
	for (std::string_view value : ValuesOf(tx))
		size += value.size();
	return size;
}

void
WriteJsonb(const Tx &tx, char *to)
{
	char *word = to;
	char *text = to + kWord * (1 + 2 * std::size(kTxKeys));
	auto put = [&](uint32_t value) {
		std::memcpy(word, &value, kWord);
		word += kWord;
	};
	auto add = [&](std::string_view string, uint32_t flags) {
		put(flags | static_cast<uint32_t>(string.size()));
		if (!string.empty())
			std::memcpy(text, string.data(), string.size());
		text += string.size();
	};
	put(kObject | static_cast<uint32_t>(std::size(kTxKeys)));
	for (std::string_view key : kTxKeys)
		add(key, key == kTxKeys[0] ? kHasOffset : 0); // which is its length, too
	for (std::string_view value : ValuesOf(tx))
		add(value, value.data() == nullptr ? kNull : 0);
}

} // namespace txsync::core
