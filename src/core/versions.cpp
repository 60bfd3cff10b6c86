#include "core/versions.h"

#include "core/hlc.h"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <vector>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

// format, row version, ids, 0, creator, fields. A number is a varint: 7 bits a byte, the lowest first.
//   id:      length of the content << 2 | form, content
//   creator: (index of its id + 1) << 1 | has stamp, stamp
//   field:   number less the least that it can be, index of its id << 1 | has stamp, stamp
//   stamp:   wall time, logical; left out where it is what the id says
constexpr char kFormat = 1;
constexpr uint64_t kMaxRowVersion = std::numeric_limits<int64_t>::max();
constexpr size_t kMaxVarint = 10;
constexpr size_t kMaxHeader = 2; // of an id

// What an id's content is. Who reads as text what another form would say reads it all the same.
enum class IdForm : uint8_t
{
	kText = 0,
	kHlc = 1,     // wall time, logical, the node's text
	kHlcUuid = 2, // wall time, logical, the 16 bytes of a UUID as which the node reads
	kUuid = 3,    // 16 bytes
};
constexpr unsigned kFormBits = 2;

constexpr size_t kUuidBytes = 16;
constexpr size_t kUuidText = 36;

bool
IsDash(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

constexpr std::array<int8_t, 256>
HexValues()
{
	std::array<int8_t, 256> values{};
	values.fill(-1);
	for (int i = 0; i < 16; i++)
		values[static_cast<unsigned char>("0123456789abcdef"[i])] = static_cast<int8_t>(i);
	return values;
}

// Writes the bytes of a UUID in its canonical text, lower case and with dashes; false for any other text.
bool
PackUuid(char *at, std::string_view text)
{
	static constexpr std::array<int8_t, 256> kHex = HexValues();
	if (text.size() != kUuidText)
		return false;
	for (size_t i = 0; i < kUuidText;) {
		if (IsDash(i)) {
			if (text[i++] != '-')
				return false;
			continue;
		}
		int high = kHex[static_cast<unsigned char>(text[i])];
		int low = kHex[static_cast<unsigned char>(text[i + 1])];
		if ((high | low) < 0)
			return false;
		*at++ = static_cast<char>(high << 4 | low);
		i += 2;
	}
	return true;
}

std::string
UnpackUuid(std::string_view bytes)
{
	std::string text;
	text.reserve(kUuidText);
	for (char c : bytes) {
		auto byte = static_cast<unsigned char>(c);
		if (IsDash(text.size()))
			text += '-';
		text += "0123456789abcdef"[byte >> 4];
		text += "0123456789abcdef"[byte & 15];
	}
	return text;
}

char *
PutNumber(char *at, uint64_t number)
{
	for (; number >= 0x80; number >>= 7)
		*at++ = static_cast<char>(number | 0x80);
	*at++ = static_cast<char>(number);
	return at;
}

bool
TakeLongNumber(std::string_view &rest, uint64_t &number)
{
	number = 0;
	size_t size = std::min(rest.size(), kMaxVarint);
	for (size_t i = 0; i < size; i++) {
		auto byte = static_cast<unsigned char>(rest[i]);
		if (i == kMaxVarint - 1 && byte > 1) // beyond 64 bits
			return false;
		number |= uint64_t{byte & 0x7FU} << (7 * i);
		if (byte < 0x80) {
			rest.remove_prefix(i + 1);
			return true;
		}
	}
	return false;
}

// Most have one byte.
inline bool
TakeNumber(std::string_view &rest, uint64_t &number)
{
	if (rest.empty() || static_cast<unsigned char>(rest.front()) >= 0x80)
		return TakeLongNumber(rest, number);
	number = static_cast<unsigned char>(rest.front());
	rest.remove_prefix(1);
	return true;
}

bool
TakeStamp(std::string_view &rest, Stamp &stamp)
{
	return TakeNumber(rest, stamp.wall_ms) && TakeNumber(rest, stamp.logical);
}

// An id as it is stored. One id has one form, so that these are compared by their bytes.
class StoredId
{
public:
	explicit StoredId(std::string_view id)
	{
		if (id.empty() || id.size() > Hlc::kMaxBytes)
			throw std::length_error("a transaction id has 1 to 128 bytes");
		char *content = bytes_ + kMaxHeader;
		auto hlc = ParseHlc(id);
		if (hlc && (id[0] != '0' || id[1] == '.')) // no leading zeros, which ToString() would not give back
			AddHlc(content, *hlc);
		else if (PackUuid(content, id))
			Finish(content + kUuidBytes, IdForm::kUuid);
		else
			Finish(std::copy(id.begin(), id.end(), content), IdForm::kText);
	}

	std::string_view
	View() const
	{
		return {bytes_ + start_, size_};
	}

	// The time that the id itself tells.
	const Stamp &
	Own() const
	{
		return own_;
	}

private:
	void
	AddHlc(char *at, const Hlc &hlc)
	{
		own_ = {hlc.wall_ms, hlc.logical};
		at = PutNumber(PutNumber(at, hlc.wall_ms), hlc.logical);
		if (PackUuid(at, hlc.node))
			Finish(at + kUuidBytes, IdForm::kHlcUuid);
		else
			Finish(std::copy(hlc.node.begin(), hlc.node.end(), at), IdForm::kHlc);
	}

	// The header has one byte or two, and ends where the content begins.
	void
	Finish(const char *end, IdForm form)
	{
		auto content = static_cast<size_t>(end - bytes_) - kMaxHeader;
		uint64_t header = content << kFormBits | static_cast<uint64_t>(form);
		start_ = header < 0x80 ? 1 : 0;
		PutNumber(bytes_ + start_, header);
		size_ = kMaxHeader - start_ + content;
	}

	char bytes_[kMaxHeader + Hlc::kMaxBytes]; // no form is longer than the text
	size_t start_ = 0;
	size_t size_ = 0;
	Stamp own_;
};

struct Content
{
	IdForm form = IdForm::kText;
	std::string_view bytes;
	Stamp own;
};

// False for the end of the ids as well: no id is empty.
bool
TakeContent(std::string_view &rest, Content &content)
{
	uint64_t header = 0;
	if (!TakeNumber(rest, header))
		return false;
	uint64_t size = header >> kFormBits;
	if (size == 0 || size > rest.size())
		return false;
	content.form = static_cast<IdForm>(header & ((1U << kFormBits) - 1));
	content.bytes = rest.substr(0, size);
	content.own = {};
	rest.remove_prefix(size);

	bool is_hlc = content.form == IdForm::kHlc || content.form == IdForm::kHlcUuid;
	if (is_hlc && (!TakeStamp(content.bytes, content.own) || content.own.wall_ms > Hlc::kMaxWall))
		return false;
	bool is_uuid = content.form == IdForm::kUuid || content.form == IdForm::kHlcUuid;
	return is_uuid ? content.bytes.size() == kUuidBytes : !content.bytes.empty();
}

// The next of the ids, which are known to be sound; empty behind the last.
std::string_view
TakeEntry(std::string_view &ids)
{
	std::string_view entry = ids;
	uint64_t header = 0;
	TakeNumber(ids, header);
	ids.remove_prefix(header >> kFormBits);
	return entry.substr(0, entry.size() - ids.size());
}

Content
ContentOf(std::string_view entry)
{
	Content content;
	TakeContent(entry, content);
	return content;
}

// An index, and the stamp beside it.
struct Reference
{
	uint64_t index = 0;
	bool has_stamp = false;
	Stamp stamp;
};

bool
TakeReference(std::string_view &rest, Reference &reference)
{
	uint64_t number = 0;
	if (!TakeNumber(rest, number))
		return false;
	reference.index = number >> 1;
	reference.has_stamp = (number & 1) != 0;
	return !reference.has_stamp || TakeStamp(rest, reference.stamp);
}

char *
PutReference(char *at, const Reference &reference)
{
	at = PutNumber(at, reference.index << 1 | (reference.has_stamp ? 1 : 0));
	if (reference.has_stamp)
		at = PutNumber(PutNumber(at, reference.stamp.wall_ms), reference.stamp.logical);
	return at;
}

Reference
ReferTo(uint64_t index, const Stamp &stamp, const Stamp &own)
{
	return {index, stamp != own, stamp};
}

// A field as it is stored.
struct StoredField
{
	uint64_t number = 0;
	Reference version;
};

// `least`: that the number can be.
bool
TakeField(std::string_view &rest, uint64_t least, StoredField &field)
{
	uint64_t more = 0;
	if (!TakeNumber(rest, more) || more > std::numeric_limits<uint32_t>::max())
		return false;
	field.number = least + more;
	return field.number <= std::numeric_limits<uint32_t>::max() && TakeReference(rest, field.version);
}

void
PutField(Buffer &out, uint64_t &least, const StoredField &field)
{
	char *at = PutNumber(out.Reserve(4 * kMaxVarint), field.number - least);
	out.CommitTo(PutReference(at, field.version));
	least = field.number + 1;
}

// Where the ids of one table stand in the next.
class Places
{
public:
	static constexpr uint32_t kNone = 0;
	static constexpr uint32_t kWanted = UINT32_MAX;

	explicit Places(uint32_t count)
	{
		if (count > few_.size()) {
			many_ = std::make_unique<uint32_t[]>(count);
			places_ = many_.get();
		} else {
			std::fill_n(places_, count, kNone);
		}
	}
	Places(const Places &) = delete;
	Places &operator=(const Places &) = delete;

	uint32_t &
	operator[](uint64_t index)
	{
		return places_[index];
	}

private:
	std::array<uint32_t, 64> few_;
	std::unique_ptr<uint32_t[]> many_;
	uint32_t *places_ = few_.data();
};

// Fields' numbers in strictly ascending order.
class Ascending
{
public:
	explicit Ascending(std::span<const uint32_t> numbers)
		: numbers_(numbers)
	{
		if (std::adjacent_find(numbers.begin(), numbers.end(), std::greater_equal<>()) == numbers.end())
			return;
		sorted_.assign(numbers.begin(), numbers.end());
		std::sort(sorted_.begin(), sorted_.end());
		sorted_.erase(std::unique(sorted_.begin(), sorted_.end()), sorted_.end());
		numbers_ = sorted_;
	}
	Ascending(const Ascending &) = delete;
	Ascending &operator=(const Ascending &) = delete;

	std::span<const uint32_t>
	View() const
	{
		return numbers_;
	}

private:
	std::vector<uint32_t> sorted_;
	std::span<const uint32_t> numbers_;
};

// Goes through stored fields and changed ones in one ascending order: `keep` gets those that are only stored, `change`
// a number and what is stored of it, or null.
template <typename Keep, typename Change>
void
Merge(std::string_view stored, std::span<const uint32_t> changed, const Keep &keep, const Change &change)
{
	StoredField field;
	auto next = changed.begin();
	for (uint64_t least = 0; !stored.empty(); least = field.number + 1) {
		TakeField(stored, least, field);
		for (; next != changed.end() && *next < field.number; ++next)
			change(*next, nullptr);
		if (next != changed.end() && *next == field.number)
			change(*next++, &field.version);
		else
			keep(field);
	}
	for (; next != changed.end(); ++next)
		change(*next, nullptr);
}

} // namespace

Stamp
TimeOf(std::string_view id)
{
	std::optional<Hlc> hlc = ParseHlc(id);
	return hlc ? Stamp{hlc->wall_ms, hlc->logical} : Stamp{};
}

Stamp
After(const Stamp &stamp)
{
	constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
	if (stamp >= Stamp{Hlc::kMaxWall, kMax})
		return stamp;
	Hlc next = Next({stamp.wall_ms, stamp.logical, {}}, 0);
	return {next.wall_ms, next.logical};
}

std::optional<Versions>
Versions::Parse(std::string_view bytes)
{
	if (bytes.empty() || bytes.front() != kFormat)
		return std::nullopt;
	Versions versions;
	std::string_view rest = bytes.substr(1);
	if (!TakeNumber(rest, versions.row_version_) || versions.row_version_ == 0 ||
		versions.row_version_ > kMaxRowVersion)
		return std::nullopt;

	versions.ids_ = rest;
	for (Content content; !rest.empty() && rest.front() != '\0'; versions.id_count_++) {
		if (!TakeContent(rest, content))
			return std::nullopt;
	}
	if (rest.empty())
		return std::nullopt;
	versions.ids_.remove_suffix(rest.size());
	rest.remove_prefix(1);

	Reference creator;
	if (!TakeReference(rest, creator) || creator.index > versions.id_count_)
		return std::nullopt;
	versions.creator_ = static_cast<uint32_t>(creator.index);
	if (creator.has_stamp)
		versions.created_ = creator.stamp;
	else if (creator.index != 0)
		versions.created_ = ContentOf(versions.Entry(versions.creator_ - 1)).own;

	versions.fields_ = rest;
	StoredField field;
	for (uint64_t least = 0; !rest.empty(); least = field.number + 1) {
		if (!TakeField(rest, least, field) || field.version.index >= versions.id_count_)
			return std::nullopt;
	}
	return versions;
}

Versions
Versions::Fresh(Buffer &store, std::string_view creating_id, const Stamp &created)
{
	store.Truncate(0);
	WriteFresh(store, 1, creating_id, created);
	return Parse(store.View()).value();
}

std::string_view
Versions::Entry(uint32_t index) const
{
	std::string_view rest = ids_;
	while (index-- > 0)
		TakeEntry(rest);
	return TakeEntry(rest);
}

std::string
Versions::Id(uint32_t index) const
{
	Content content = ContentOf(Entry(index));
	switch (content.form) {
	case IdForm::kHlc:
		return ToString(Hlc{content.own.wall_ms, content.own.logical, content.bytes});
	case IdForm::kHlcUuid:
		return ToString(Hlc{content.own.wall_ms, content.own.logical, UnpackUuid(content.bytes)});
	case IdForm::kUuid:
		return UnpackUuid(content.bytes);
	case IdForm::kText:
		break;
	}
	return std::string(content.bytes);
}

std::string
Versions::Last() const
{
	return id_count_ == 0 ? std::string() : Id(0);
}

std::string
Versions::Creator() const
{
	return creator_ == 0 ? std::string() : Id(creator_ - 1);
}

bool
Versions::Cursor::Next(Field &field)
{
	StoredField stored;
	if (rest_.empty() || !TakeField(rest_, least_, stored))
		return false;
	least_ = stored.number + 1;
	field.number = static_cast<uint32_t>(stored.number);
	field.id = static_cast<uint32_t>(stored.version.index);
	field.stamp = stored.version.has_stamp ? stored.version.stamp : ContentOf(versions_.Entry(field.id)).own;
	return true;
}

std::optional<Versions::Version>
Versions::Find(uint32_t number) const
{
	Cursor fields = Fields();
	for (Field field; fields.Next(field) && field.number <= number;) {
		if (field.number == number)
			return Version{Id(field.id), field.stamp};
	}
	return std::nullopt;
}

// Writes the stored form behind a write.
class Versions::Successor
{
public:
	Successor(Buffer &out, const Versions &before, const RowWrite &write, const Stamp &ceiling)
		: out_(out)
		, before_(before)
		, last_(write.id)
		, base_(std::min(write.base, ceiling))
		, changed_(write.fields)
		, places_(before.id_count_)
	{}

	void
	Append()
	{
		char *at = out_.Reserve(1 + kMaxVarint);
		*at++ = kFormat;
		out_.CommitTo(PutNumber(at, std::min(before_.row_version_ + 1, kMaxRowVersion)));
		AppendIds();
		AppendCreator();
		AppendFields();
	}

private:
	// The last id, and of the others those that somebody still refers to.
	void
	AppendIds()
	{
		if (before_.creator_ != 0)
			places_[before_.creator_ - 1] = Places::kWanted;
		Merge(
			before_.fields_, changed_.View(),
			[&](const StoredField &field) { places_[field.version.index] = Places::kWanted; },
			[](uint32_t, const Reference *) {});

		out_.Append(last_.View());
		std::string_view ids = before_.ids_;
		uint32_t place = 1;
		for (uint32_t i = 0; i < before_.id_count_; i++) {
			std::string_view entry = TakeEntry(ids);
			if (places_[i] == Places::kWanted) {
				if (entry == last_.View()) {
					places_[i] = 0;
				} else {
					out_.Append(entry);
					places_[i] = place++;
				}
			}
		}
		out_.Append('\0');
	}

	void
	AppendCreator()
	{
		bool known = before_.creator_ != 0;
		Stamp own = known ? ContentOf(before_.Entry(before_.creator_ - 1)).own : Stamp();
		Reference creator = ReferTo(known ? places_[before_.creator_ - 1] + 1 : 0, before_.created_, own);
		out_.CommitTo(PutReference(out_.Reserve(3 * kMaxVarint), creator));
	}

	void
	AppendFields()
	{
		uint64_t least = 0;
		Merge(
			before_.fields_, changed_.View(),
			[&](StoredField field) {
				field.version.index = places_[field.version.index];
				PutField(out_, least, field);
			},
			[&](uint32_t number, const Reference *previous) {
				Stamp stamp = std::max(base_, After(StampOf(previous)));
				PutField(out_, least, {number, ReferTo(0, stamp, last_.Own())});
			});
	}

	Stamp
	StampOf(const Reference *previous) const
	{
		if (previous == nullptr)
			return before_.created_;
		if (previous->has_stamp)
			return previous->stamp;
		return ContentOf(before_.Entry(static_cast<uint32_t>(previous->index))).own;
	}

	Buffer &out_;
	const Versions &before_;
	StoredId last_;
	Stamp base_;
	Ascending changed_;
	Places places_;
};

void
Advance(Buffer &out, const Versions &before, const RowWrite &write, const Stamp &ceiling)
{
	Versions::Successor(out, before, write, ceiling).Append();
}

void
WriteFresh(Buffer &out, uint64_t row_version, std::string_view creating_id, const Stamp &created)
{
	char *at = out.Reserve(1 + kMaxVarint);
	*at++ = kFormat;
	out.CommitTo(PutNumber(at, row_version));

	uint64_t creator = 0;
	Stamp own;
	if (creating_id.data() != nullptr) {
		StoredId id(creating_id);
		out.Append(id.View());
		own = id.Own();
		creator = 1;
	}
	out.Append('\0');
	out.CommitTo(PutReference(out.Reserve(3 * kMaxVarint), ReferTo(creator, created, own)));
}

} // namespace txsync::core
