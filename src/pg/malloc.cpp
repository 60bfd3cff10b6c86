#include "pg/malloc.h"

#include "pg/server.h"

extern "C" {
#include "miscadmin.h"
}

#ifdef __GLIBC__
#	include <malloc.h>
#endif

namespace txsync::pg {

void
KeepFreedMemory()
{
#ifdef __GLIBC__
	if (MyBackendType != B_WAL_SENDER && MyBackendType != B_BG_WORKER)
		return;
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
}

} // namespace txsync::pg
