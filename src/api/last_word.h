#pragma once
// The last that the changelog says of entities: whether they are there, and of which organization.

#include "pg/spi.h"

namespace txsync::api {

struct LastWord
{
	int64_t id = 0; // of the activity; 0: it says nothing
	bool exists = false;
	bool may_be_forgotten = false; // it says nothing, but may have, before the floor
	std::optional<std::string> organization;
	int64_t row_version = 0; // 0: it does not say

	bool operator==(const LastWord &) const = default;
};

// One for each id, in their order.
std::vector<LastWord> LastWords(const std::string &entity_type, const std::vector<std::string> &ids);

// Entities that it says last to be there, by those of its activities that stand next behind `after`: that moves on
// behind them, and becomes 0 if there are none. Each entity comes once in a whole reading.
std::vector<std::string> Existing(const std::string &entity_type, int64_t &after);

} // namespace txsync::api
