#pragma once

namespace txsync::pg {

// Lets the process keep what it frees, up to 64 MB if it does nothing but decode, and 8 MB if it is a client's. The
// reorder buffer and large values come and go with every transaction, pages of changes with every call: given back to
// the kernel each time, their memory's pages cost more than what is in them.
void KeepFreedMemory();

} // namespace txsync::pg
