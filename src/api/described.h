#pragma once
// An entity's versions as they are told: `{"last":…,"rowVersion":…,"fields":{…}}`, with the id of each field's last
// change, where that is known.

#include "api/entity.h"
#include "api/json_object.h"
#include "core/buffer.h"

namespace txsync::api {

JsonbValue *DescribeVersions(const Entity &entity, const State &state);

// The same as JSON, with those fields for which tells(name) is true.
void WriteVersions(core::Buffer &out, const Entity &entity, const State &state,
				   const std::function<bool(std::string_view)> &tells);

} // namespace txsync::api
