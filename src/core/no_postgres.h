#pragma once
// Each .cpp of core includes this last: what core is made of must build, and be tested, without PostgreSQL. Headers do
// not include it, since the server's files include core's headers beside PostgreSQL's.

#if defined(POSTGRES_H) || defined(POSTGRES_FE_H) || defined(C_H) || defined(LIBPQ_FE_H)
#	error "src/core must not see PostgreSQL's headers"
#endif
