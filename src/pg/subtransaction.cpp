#include "pg/subtransaction.h"

namespace txsync::pg::detail {

Error
Copy(const Error &error)
{
	try {
		Call([&] { ReThrowError(error.data); });
	} catch (const Error &copy) {
		return copy;
	}
	pg_unreachable();
}

} // namespace txsync::pg::detail
