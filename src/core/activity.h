#pragma once
// A change on its way into the changelog: what the capture worker keeps of it from its decoding to its row.

#include "core/buffer.h"
#include "core/change.h"

#include <vector>

namespace txsync::core {

// Texts are UTF-8; one with data() == nullptr is null.
struct Activity
{
	Position position;
	uint32_t xid = 0;         // of the transaction, never of a subtransaction
	int64_t committed_at = 0; // microseconds since 2000-01-01
	Action action = Action::kCreate;
	std::string_view entity_type;
	std::string_view entity_id;
	std::string_view organization_id;
	std::string_view old_organization_id; // of an update that changed it
	bool old_organization_null = false;   // or that it was null
	bool changed_keys_known = false;
	std::vector<std::string_view> changed_keys;
	Tx tx;
	std::string_view version;
	uint64_t row_version = 0; // 0: unknown
	std::string_view origin;
	std::string_view annotation; // JSON
	std::string_view payload;    // JSON: what an action of txsync's own has to say
	std::string_view data;       // JSON: for a notification, not for the row

	bool
	HasMoved() const
	{
		return old_organization_null || old_organization_id.data() != nullptr;
	}

	// What the organization was before, once the action and organization_id are there: only an update moves.
	void SetOldOrganization(std::string_view organization);
};

// Appends what Load() takes off the front of `bytes` again. The texts of what it loads are views into `bytes`.
void Store(Buffer &out, const Activity &activity);
void Load(std::string_view &bytes, Activity &activity);

// The change that it tells, without its data. Views the activity.
Change ChangeOf(const Activity &activity, int64_t id, std::string_view committed_at);

} // namespace txsync::core
