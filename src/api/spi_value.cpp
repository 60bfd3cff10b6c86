#include "api/spi_value.h"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
}

namespace txsync::api {

namespace {

// Of the oid types that numbers are kept in.
int64_t
ToNumber(Datum value, Oid type)
{
	switch (type) {
	case BOOLOID:
		return DatumGetBool(value);
	case INT4OID:
		return DatumGetInt32(value);
	case OIDOID:
		return DatumGetObjectId(value);
	default:
		return DatumGetInt64(value);
	}
}

Datum
Value(uint64_t row, int column, bool &null)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, &null);
}

// Of a type of 8 bytes.
pg::Spi::Parameter
ArrayParameter(std::span<const int64_t> numbers, Oid element, Oid array)
{
	return {array, pg::Call([&] {
				auto *elements = static_cast<Datum *>(palloc(sizeof(Datum) * numbers.size()));
				std::ranges::transform(numbers, elements, [](int64_t number) { return Int64GetDatum(number); });
				return PointerGetDatum(construct_array(elements, static_cast<int>(numbers.size()), element,
													   sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
			})};
}

} // namespace

int64_t
Number(uint64_t row, int column)
{
	return pg::Call([&] {
		bool null = true;
		Datum value = Value(row, column, null);
		return null ? 0 : ToNumber(value, SPI_gettypeid(SPI_tuptable->tupdesc, column));
	});
}

std::vector<Oid>
Oids()
{
	std::vector<Oid> oids(SPI_processed);
	for (uint64_t row = 0; row < oids.size(); row++)
		oids[row] = static_cast<Oid>(Number(row, 1));
	return oids;
}

std::vector<int64_t>
Numbers(uint64_t row, int column)
{
	Oid type = InvalidOid;
	Datum *elements = nullptr;
	int count = 0;
	pg::Call([&] {
		bool null = true;
		Datum value = Value(row, column, null);
		if (null)
			return;
		ArrayType *array = DatumGetArrayTypeP(value);
		type = ARR_ELEMTYPE(array);
		int16 length;
		bool by_value;
		char align;
		get_typlenbyvalalign(type, &length, &by_value, &align);
		deconstruct_array(array, type, length, by_value, align, &elements, nullptr, &count);
	});
	std::vector<int64_t> numbers;
	numbers.reserve(static_cast<size_t>(count));
	for (int i = 0; i < count; i++)
		numbers.push_back(ToNumber(elements[i], type));
	return numbers;
}

std::optional<std::vector<std::string>>
Texts(uint64_t row, int column)
{
	bool null = true;
	Datum *elements = nullptr;
	int count = 0;
	pg::Call([&] {
		Datum value = Value(row, column, null);
		if (!null)
			deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT, &elements, nullptr, &count);
	});
	if (null)
		return std::nullopt;
	std::vector<std::string> texts;
	for (int i = 0; i < count; i++) {
		auto *text = reinterpret_cast<struct varlena *>(DatumGetPointer(elements[i]));
		texts.emplace_back(VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text));
	}
	return texts;
}

pg::Spi::Parameter
NumbersParameter(std::span<const int64_t> numbers)
{
	return ArrayParameter(numbers, INT8OID, INT8ARRAYOID);
}

pg::Spi::Parameter
InstantsParameter(std::span<const TimestampTz> instants)
{
	return ArrayParameter(instants, TIMESTAMPTZOID, TIMESTAMPTZARRAYOID);
}

pg::Spi::Parameter
TextsParameter(std::span<const std::string_view> texts)
{
	return pg::Call([&] {
		auto *values = static_cast<Datum *>(palloc(sizeof(Datum) * texts.size()));
		auto *nulls = static_cast<bool *>(palloc(texts.size()));
		for (size_t i = 0; i < texts.size(); i++) {
			nulls[i] = texts[i].data() == nullptr;
			values[i] = PointerGetDatum(cstring_to_text_with_len(texts[i].data(), static_cast<int>(texts[i].size())));
		}
		int dimension = static_cast<int>(texts.size());
		int from = 1;
		ArrayType *array = construct_md_array(values, nulls, 1, &dimension, &from, TEXTOID, -1, false, TYPALIGN_INT);
		return pg::Spi::Parameter{TEXTARRAYOID, PointerGetDatum(array)};
	});
}

} // namespace txsync::api
