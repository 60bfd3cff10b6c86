#include "core/advance.h"

#include "core/stored_id.h"
#include "core/stored_versions.h"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

void
AppendHead(Buffer &out, uint64_t row_version)
{
	char *at = out.Reserve(1 + kMaxVarint);
	*at++ = kVersionsFormat;
	out.CommitTo(PutVarint(at, row_version));
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

// Writes the stored form behind a write.
class Successor
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
		AppendHead(out_, std::min(before_.row_version_ + 1, kMaxRowVersion));
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
			std::string_view entry = TakeSoundId(ids);
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
	Successor(out, before, write, ceiling).Append();
}

void
WriteFresh(Buffer &out, uint64_t row_version, std::string_view creating_id, const Stamp &created)
{
	AppendHead(out, row_version);
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
