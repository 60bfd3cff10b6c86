#pragma once
// Entities of one type as the current role may read them now: many at a time.

#include "api/readable.h"

namespace txsync::api {

// Texts are in memory of the current context. What is null has data() == nullptr.
struct Row
{
	bool exists = false;
	std::string_view data;         // JSON, without tx, versions and hidden columns
	std::string_view versions;     // JSON; null where there are none, or the role may not read them
	std::string_view organization; // null also where it may not be read
};

// One for each id, in their order, by one statement. An id that is none of the type's is of no row. The role may read
// the type's ids (Readable::HasId()).
std::vector<Row> ReadRows(const Entity &entity, const Readable &readable, std::span<const std::string_view> ids);

} // namespace txsync::api
