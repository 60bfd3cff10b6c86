#pragma once
// jsonb as JSON text.

#include "core/buffer.h"
#include "decoder/values.h"

namespace txsync::decoder {

// `stored`: a jsonb without its length word.
void WriteJsonb(Values &values, core::Buffer &out, std::string_view stored);

} // namespace txsync::decoder
