#pragma once
// Privileges on tables: the current role's, and those on tables that we make.

#include "pg/spi.h"

extern "C" {
#include "access/attnum.h"
#include "utils/acl.h"
}

namespace txsync::api {

// Whether the role has one of them on the table, or on a column of it. None on a table that is gone: asked without a
// lock.
bool HasAnyOf(AclMode privileges, Oid table);

// Whether it may read a column, or, without one, all of them.
bool MaySelect(Oid table, AttrNumber column = InvalidAttrNumber);

// What others' default privileges give is not for ours.
void RevokeFromOthers(pg::Spi &spi, const std::string &table);

} // namespace txsync::api
