#pragma once
// The server reads the text of a range, an array or a row by the domains within its type: their constraints are code of
// whoever has made them, that is not to be run for those who only read.

#include "pg/server.h"

namespace txsync::api {

// Whether it would do so for texts of the type, which is no domain itself. What comes with the server is as good as
// its own.
bool HasUserDomain(Oid type);

} // namespace txsync::api
