#pragma once
// What workers say of deliveries. Each function returns the status of each id.

#include "api/consumer.h"

namespace txsync::api {

using Statuses = std::vector<const char *>;

// They are done with, dead ones as well.
Statuses Acknowledge(Consumer &consumer, std::span<const int64_t> ids);

// They failed.
Statuses Refuse(Consumer &consumer, std::span<const int64_t> ids, std::optional<TimestampTz> due,
				const std::optional<std::string> &error);

// They are dead, and to be given again.
Statuses Replay(Consumer &consumer, std::span<const int64_t> ids);

} // namespace txsync::api
