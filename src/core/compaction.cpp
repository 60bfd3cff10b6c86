#include "core/compaction.h"

#include <algorithm>
#include <new>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

constexpr size_t kFewestSlots = 64;
constexpr size_t kWord = 64;

// Beyond this what is looked for takes too many steps.
constexpr size_t
MostUsed(size_t capacity)
{
	return capacity / 3 * 2;
}

bool
IsOfEntity(const Compaction::Activity &activity)
{
	return activity.action != Action::kEvent && activity.action != Action::kGap &&
		   activity.action != Action::kTruncate && activity.entity_type.data() != nullptr &&
		   activity.entity_id.data() != nullptr;
}

} // namespace

Compaction::Compaction(const Digest &seed, int64_t first, int64_t last, size_t bytes)
	: seed_(seed)
	, first_(first)
	, last_(last)
	, largest_(std::max(bytes / sizeof(Slot) / 3 * 2, kFewestSlots)) // with one of half its size beside it
{
	capacity_ = std::min(largest_, size_t{1} << 12);
	slots_ = std::make_unique<Slot[]>(capacity_);
}

void
Compaction::Look(const Activity &activity)
{
	if (activity.id < first_)
		return;
	if (activity.action == Action::kTruncate) {
		Truncate *truncate = TruncateOf(OfType(activity.entity_type).Now());
		truncate->id = std::max(truncate->id, activity.id);
		return;
	}
	if (!IsOfEntity(activity)) {
		Mark(activity.id);
		return;
	}
	Hasher entity = OfType(activity.entity_type);
	entity.Add(activity.entity_id);
	if (entity.Now().a < from_ >> kWord || entity.Now().a > to_ >> kWord)
		return;
	if (activity.action == Action::kVisibility) {
		LookAt(entity, kVisibility, {}, activity.id);
		return;
	}
	LookAt(entity, kOrganization, activity.organization_id, activity.id);
	if (activity.has_moved)
		LookAt(entity, kOrganization, activity.old_organization_id, activity.id);
	if (activity.action == Action::kUpdate)
		LookAtFields(activity, entity);
	else
		LookAt(entity, kExistence, {}, activity.id);
}

void
Compaction::LookAtFields(const Activity &activity, const Hasher &entity)
{
	bool told = false;
	for (std::string_view key : activity.changed_keys) {
		LookAt(entity, kField, key, activity.id);
		told |= key == activity.changed_field;
	}
	if (activity.changed_field.data() != nullptr && !told)
		LookAt(entity, kField, activity.changed_field, activity.id);
	if (activity.changed_field.data() == nullptr && !activity.changed_keys_known)
		LookAt(entity, kField, {}, activity.id);
}

void
Compaction::LookAt(const Hasher &entity, Kind kind, std::string_view text, int64_t id)
{
	Hasher key = entity;
	key.Add(text);
	Slot slot = {entity.Now().a, (key.Now().b & ~uint64_t{kKinds - 1}) | kind, id};
	__builtin_prefetch(&slots_[HomeOf(slot)]);
	pending_[pending_count_++] = slot;
	if (pending_count_ == kPending)
		TakePending();
}

void
Compaction::TakePending()
{
	for (size_t i = 0; i < pending_count_; i++)
		Take(pending_[i]);
	pending_count_ = 0;
}

// An entity's existence is where it is found from its fields. These are anywhere, since one may have millions.
size_t
Compaction::HomeOf(const Slot &slot) const
{
	constexpr uint64_t kOdd = 0xC2B2AE3D27D4EB4F;
	uint64_t name = slot.key % kKinds == kExistence ? slot.entity : slot.entity ^ slot.key;
	return static_cast<size_t>(static_cast<unsigned __int128>(name * kOdd) * capacity_ >> kWord);
}

Compaction::Place
Compaction::PlaceOf(const Slot &slot)
{
	return Place{slot.entity} << kWord | (slot.key % kKinds == kExistence ? 0 : slot.key);
}

bool
Compaction::IsOfPass(const Slot &slot) const
{
	Place place = PlaceOf(slot);
	bool is_behind = place >= from_ || (slot.key % kKinds == kExistence && slot.entity == from_ >> kWord);
	return is_behind && place <= to_;
}

size_t
Compaction::Next(size_t at) const
{
	return at + 1 == capacity_ ? 0 : at + 1;
}

void
Compaction::Take(const Slot &slot)
{
	if (!IsOfPass(slot))
		return;
	size_t at = HomeOf(slot);
	while (slots_[at].id != 0) {
		if (slots_[at].entity == slot.entity && slots_[at].key == slot.key) {
			slots_[at].id = std::max(slots_[at].id, slot.id);
			return;
		}
		at = Next(at);
	}
	slots_[at] = slot;
	if (++used_ > MostUsed(capacity_))
		MakeRoom();
}

void
Compaction::MakeRoom()
{
	if (capacity_ < largest_)
		Grow();
	else
		Narrow();
}

void
Compaction::Grow()
{
	size_t count = capacity_;
	capacity_ = std::min(2 * capacity_, largest_);
	auto fresh = std::make_unique<Slot[]>(capacity_);
	for (size_t i = 0; i < count; i++) {
		if (slots_[i].id == 0)
			continue;
		size_t at = HomeOf(slots_[i]);
		while (fresh[at].id != 0)
			at = Next(at);
		fresh[at] = slots_[i];
	}
	slots_ = std::move(fresh);
}

// A quarter is left to later passes, until there is room.
void
Compaction::Narrow()
{
	while (used_ > MostUsed(capacity_) / 8 * 7) {
		to_ = Cut();
		for (size_t i = 0; i < capacity_; i++) {
			while (slots_[i].id != 0 && !IsOfPass(slots_[i]))
				Remove(i);
		}
	}
}

// About three quarters are up to there, and something is behind it: of some places, which are all different, it is none
// of the last.
Compaction::Place
Compaction::Cut() const
{
	constexpr size_t kSample = 1024;
	std::vector<Place> sample;
	for (size_t i = 0; i < capacity_; i += std::max(capacity_ / kSample, size_t{1})) {
		if (slots_[i].id != 0)
			sample.push_back(PlaceOf(slots_[i]));
	}
	auto cut = sample.begin() + static_cast<ptrdiff_t>(sample.size() * 3 / 4 - 1);
	std::nth_element(sample.begin(), cut, sample.end());
	return *cut;
}

// Moves back what is found only by way of this slot.
void
Compaction::Remove(size_t at)
{
	auto distance = [&](size_t from, size_t to) { return to >= from ? to - from : to + capacity_ - from; };
	for (size_t other = Next(at); slots_[other].id != 0; other = Next(other)) {
		if (distance(HomeOf(slots_[other]), other) >= distance(at, other)) {
			slots_[at] = slots_[other];
			at = other;
		}
	}
	slots_[at].id = 0;
	used_--;
}

// Whether its entity was created or deleted since. Should two entities share 64 bits, one keeps more than it had to.
bool
Compaction::IsOld(const Slot &field) const
{
	int64_t existence = 0;
	for (size_t at = HomeOf({field.entity, kExistence, 0}); slots_[at].id != 0; at = Next(at)) {
		if (slots_[at].entity == field.entity && slots_[at].key % kKinds == kExistence)
			existence = existence == 0 ? slots_[at].id : std::min(existence, slots_[at].id);
	}
	return field.id < existence;
}

bool
Compaction::EndPass()
{
	TakePending();
	for (size_t i = 0; i < capacity_; i++) {
		const Slot &slot = slots_[i];
		if (slot.id != 0 && (slot.key % kKinds != kField || !IsOld(slot)))
			Mark(slot.id);
	}
	if (to_ == kEnd)
		return false;
	from_ = to_ + 1;
	to_ = kEnd;
	std::fill_n(slots_.get(), capacity_, Slot());
	used_ = 0;
	return true;
}

void
Compaction::Mark(int64_t id)
{
	if (id <= last_)
		survivors_.Add(id);
}

bool
Compaction::Survives(const Activity &activity) const
{
	int64_t truncate = activity.entity_type.data() == nullptr ? 0 : LastTruncate(activity.entity_type);
	if (activity.action == Action::kTruncate)
		return activity.id == truncate;
	if (activity.id < truncate && activity.action != Action::kVisibility && IsOfEntity(activity))
		return false;
	return Survives(activity.id);
}

bool
Compaction::Survives(int64_t id) const
{
	return survivors_.Has(id);
}

Hasher
Compaction::OfType(std::string_view entity_type) const
{
	Hasher hasher(seed_);
	hasher.Add(entity_type);
	return hasher;
}

Compaction::Truncate *
Compaction::TruncateOf(const Digest &entity_type)
{
	for (Truncate &truncate : truncates_) {
		if (truncate.entity_type == entity_type)
			return &truncate;
	}
	return &truncates_.emplace_back(Truncate{entity_type, 0});
}

int64_t
Compaction::LastTruncate(std::string_view entity_type) const
{
	Digest digest = OfType(entity_type).Now();
	for (const Truncate &truncate : truncates_) {
		if (truncate.entity_type == digest)
			return truncate.id;
	}
	return 0;
}

} // namespace txsync::core
