#pragma once
// Whether a client knew what it is about to overwrite: no lost update.

#include "core/hlc.h"
#include "core/versions.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace txsync::core {

// Whether two texts are one transactionId: the same bytes, or ids of the clock that differ in leading zeros only.
bool SameId(std::string_view a, std::string_view b);

// What the server has of an entity: its versions, or what deleted it, or nothing (it never was, as far as anybody
// remembers).
struct EntityState
{
	const Versions *versions = nullptr;
	std::string_view tombstone = {}; // the id that deleted it; data() == nullptr: none
};

struct Attempt
{
	enum class Kind : uint8_t
	{
		kUpdate,
		kDelete,
	};

	Kind kind = Kind::kUpdate;
	std::optional<uint32_t> field = {};              // of an update; of a delete: `expected` is this field's version
	std::string_view expected = {};                  // data() == nullptr: null
	std::span<const std::string_view> replaces = {}; // own ids of which the client does not know whether they came
};

struct Verdict
{
	bool conflict = false;
	std::string server_id; // what was compared with the expected one; empty: none is known

	bool operator==(const Verdict &) const = default;
};

// An entity that never was passes: that it is not there is for others to tell. One that was deleted is a conflict.
// Else the expected id must be
//   - for a field that was updated, its version;
//   - for a field that was not, null or the creating id;
//   - for an update of no one field and for a delete, the entity's last id.
// What is not known passes, and so does an id in `replaces`.
//
// A delete with a field stands for updates, of which that of the field was the last, and a delete (core/squash.h). It
// passes where they would: the field is as expected; or as one of `replaces` left it, and another did not write since.
Verdict Judge(const EntityState &state, const Attempt &attempt);

// Whether a write that is not to be undone by an older one is newer than the field's last: by its stamp. Each write's
// stamp is above the last one's, and none is beyond the ceiling, so within a millisecond the ids decide where they tell
// more.
bool IsNewer(const Hlc &id, const Stamp &ceiling, std::string_view last_id, const Stamp &last);

} // namespace txsync::core
