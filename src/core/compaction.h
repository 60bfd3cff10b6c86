#pragma once
// Which activities newer ones stand for. Each activity has keys: what a reader may learn from it. It survives if it is
// the newest of one of them, among those that are looked at:
//
//   (entity, organization)   of its organization, and of the one that it took the entity from; unless it is a
//                            visibility: what was done to an entity is not said by who may see it
//   (entity, existence)      of a create or delete
//   (entity, field)          of each changed key and tx's changedField, or of "unknown" if it tells neither; unless the
//                            entity was created or deleted since
//   (entity, visibility)     of a visibility
//   (entity type, truncate)  of a truncate, behind which the other keys of that type are void, but for visibility
//
// What belongs to no entity, such as events and gaps, survives.

#include "core/change.h"
#include "core/digest.h"
#include "core/id_set.h"

#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace txsync::core {

class Compaction
{
public:
	// Texts with data() == nullptr are null.
	struct Activity
	{
		int64_t id = 0;
		Action action = Action::kCreate;
		std::string_view entity_type;
		std::string_view entity_id;
		std::string_view organization_id;
		std::string_view old_organization_id;
		bool has_moved = false; // from that organization
		bool changed_keys_known = false;
		std::span<const std::string_view> changed_keys;
		std::string_view changed_field;
	};

	// Decides of ids from `first` to `last`; newer ones only stand for them, older ones say nothing. Its memory is
	// about so many bytes, and that of the set of ids that survive.
	Compaction(const Digest &seed, int64_t first, int64_t last, size_t bytes);
	Compaction(const Compaction &) = delete;

	// A pass looks at all activities, in any order. What does not fit into memory is left to another pass: EndPass() is
	// true while there has to be one.
	void Look(const Activity &activity);
	bool EndPass();

	// The verdict, after the last pass, for which an activity's entity, type and action are needed; without
	// AreTruncated() its id is enough.
	bool Survives(const Activity &activity) const;
	bool Survives(int64_t id) const;

	bool
	AreTruncated() const
	{
		return !truncates_.empty();
	}

private:
	// The newest activity of a key. Keys of one entity have the same `entity`.
	struct Slot
	{
		uint64_t entity;
		uint64_t key; // its last bits are the kind
		int64_t id;   // 0: free
	};

	enum Kind : uint64_t
	{
		kExistence,
		kOrganization,
		kField,
		kVisibility,
		kKinds, // a power of two
	};

	// Entity and key as one number. A pass takes a range of these, and the existence of the entity that it begins in:
	// one entity alone may have more keys than there is room for.
	using Place = unsigned __int128;

	struct Truncate
	{
		Digest entity_type;
		int64_t id;
	};

	static constexpr size_t kPending = 64;
	static constexpr Place kEnd = ~Place{0};

	void LookAtFields(const Activity &activity, const Hasher &entity);
	void LookAt(const Hasher &entity, Kind kind, std::string_view text, int64_t id);
	void Take(const Slot &slot);
	void TakePending();
	void MakeRoom();
	void Grow();
	void Narrow();
	Place Cut() const;
	void Remove(size_t at);
	static Place PlaceOf(const Slot &slot);
	bool IsOfPass(const Slot &slot) const;
	size_t HomeOf(const Slot &slot) const;
	size_t Next(size_t at) const;
	bool IsOld(const Slot &field) const;
	void Mark(int64_t id);
	Hasher OfType(std::string_view entity_type) const;
	Truncate *TruncateOf(const Digest &entity_type);
	int64_t LastTruncate(std::string_view entity_type) const;

	Digest seed_;
	int64_t first_;
	int64_t last_;
	IdSet survivors_;
	std::vector<Truncate> truncates_;

	// Open addressing: who finds his home taken goes into the next free slot. The table grows up to the largest that
	// memory allows, next to the one before.
	size_t largest_;
	size_t capacity_;
	size_t used_ = 0;
	std::unique_ptr<Slot[]> slots_;
	Place from_ = 0;
	Place to_ = kEnd; // inclusive

	// Kept until the memory that they need has come.
	Slot pending_[kPending];
	size_t pending_count_ = 0;
};

} // namespace txsync::core
