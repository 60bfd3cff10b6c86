#pragma once
// Who may use tables that workers make.

#include "pg/spi.h"

namespace txsync::worker {

// What others' default privileges give is not for ours.
void RevokeFromOthers(pg::Spi &spi, const std::string &table);

} // namespace txsync::worker
