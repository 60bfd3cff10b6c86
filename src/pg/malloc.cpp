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
	static bool done;
	if (done)
		return;
	bool is_ours = MyBackendType == B_WAL_SENDER || MyBackendType == B_BG_WORKER;
	int keep = is_ours ? 64 << 20 : 8 << 20;
	mallopt(M_MMAP_THRESHOLD, keep / 2);
	mallopt(M_TRIM_THRESHOLD, keep);
	done = true;
#endif
}

} // namespace txsync::pg
