#pragma once

namespace txsync::pg {

// Lets a process that does nothing but decode keep what it frees, up to some MB. The reorder buffer and large values
// come and go with every transaction: given back to the kernel each time, their pages cost more than what is in them.
void KeepFreedMemory();

} // namespace txsync::pg
