#pragma once
// Values of the last result of SPI, and arrays as parameters. Rows count from 0, columns from 1.

#include "pg/spi.h"

#include <optional>
#include <span>

extern "C" {
#include "datatype/timestamp.h"
}

namespace txsync::api {

// Null is 0.
int64_t Number(uint64_t row, int column);

// The first column of all rows.
std::vector<Oid> Oids();

// Null has no elements.
std::vector<int64_t> Numbers(uint64_t row, int column);
std::optional<std::vector<std::string>> Texts(uint64_t row, int column);

// As bigint[], timestamptz[] and text[]; a text with data() == nullptr is null.
pg::Spi::Parameter NumbersParameter(std::span<const int64_t> numbers);
pg::Spi::Parameter InstantsParameter(std::span<const TimestampTz> instants);
pg::Spi::Parameter TextsParameter(std::span<const std::string_view> texts);

} // namespace txsync::api
