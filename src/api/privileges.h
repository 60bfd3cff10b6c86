#pragma once
// Who may use tables that we make.

#include "pg/spi.h"

namespace txsync::api {

// What others' default privileges give is not for ours.
void RevokeFromOthers(pg::Spi &spi, const std::string &table);

} // namespace txsync::api
