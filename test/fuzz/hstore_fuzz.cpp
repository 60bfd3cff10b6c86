// Whatever the bytes are, what is read of them lies within them, text behind text.

#include "core/hstore.h"

#include "fuzz/require.h"

using txsync::core::Hstore;
using txsync::fuzz::Require;

extern "C" int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	std::string_view bytes(reinterpret_cast<const char *>(data), size);
	Hstore hstore(bytes);
	Require(hstore.IsReadable() || hstore.Count() == 0);
	const char *at = bytes.data() + 4 + size_t{hstore.Count()} * 8;
	for (uint32_t i = 0; i < hstore.Count(); i++) {
		Hstore::Pair pair = hstore.At(i);
		Require(pair.key.data() == at);
		at += pair.key.size();
		if (pair.value.data() != nullptr) {
			Require(pair.value.data() >= at);
			at = pair.value.data() + pair.value.size();
		} else if (i + 1 < hstore.Count()) {
			at = hstore.At(i + 1).key.data(); // a null may have a text all the same; nobody sees it
		}
		Require(at <= bytes.data() + size);
	}
	return 0;
}
