#pragma once
// The server writes values of some types as JSON by a cast that whoever owns the type has made: code that is not to be
// run for those who only read.

#include "pg/server.h"

namespace txsync::api {

// Whether it would do so for values of the type, or for parts of them. Casts of superusers, as extensions have them,
// are as good as the server's own.
bool HasUserCast(Oid type);

} // namespace txsync::api
