#pragma once
// What was deleted has no row that a policy could look at: the tracking's delete_visible(entity_id, org_id) tells who
// may know of it.

#include "api/entity.h"

namespace txsync::api {

// Whether row security of its table holds the current role. An error, as in a statement, where it is to be off.
bool HoldsRowSecurity(const Entity &entity);

// The function, called as the current role. What it keeps is in the memory context that is current at first.
class DeleteVisible
{
public:
	explicit DeleteVisible(const Entity &entity);

	// An organization with data() == nullptr is null. False also where there is no function, or the role may not call
	// it.
	bool Tells(std::string_view entity_id, std::string_view organization);

private:
	FmgrInfo function_ = {};
};

} // namespace txsync::api
