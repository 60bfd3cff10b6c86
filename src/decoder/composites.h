#pragma once
// Values that are made of other values, as JSON: arrays and rows.

#include "decoder/values.h"

namespace txsync::decoder {

void ArrayJson(Values &values, core::Buffer &out, const Type &type, Datum value);
void RowJson(Values &values, core::Buffer &out, const Type &type, Datum value);

} // namespace txsync::decoder
