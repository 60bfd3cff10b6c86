#pragma once
// Heavyweight locks of txsync's in a database go by the extension, and by one of these numbers.

#include <cstdint>

namespace txsync::api {

enum ExtensionLock : uint16_t
{
	kExtensionItself, // DROP EXTENSION's own
	kRegistry,
	kCompaction,
};

} // namespace txsync::api
