// consume(), ack(), nack() and replay(): what workers of a consumer call.

#include "api/arguments.h"
#include "api/by_index.h"
#include "api/consumer_settle.h"
#include "api/consumer_take.h"
#include "pg/entry.h"

extern "C" {
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"
}

namespace txsync::api {

namespace {

constexpr int32_t kMostGiven = 1000;

// The rows that a function of several returns.
class Rows
{
public:
	explicit Rows(FunctionCallInfo fcinfo)
		: info_(reinterpret_cast<ReturnSetInfo *>(fcinfo->resultinfo))
	{
		pg::Call([&] { InitMaterializedSRF(fcinfo, 0); });
	}

	template <class... Values>
	void
	Add(Values... values)
	{
		Datum row[] = {values...};
		bool nulls[sizeof...(values)] = {};
		pg::Call([&] { tuplestore_putvalues(info_->setResult, info_->setDesc, row, nulls); });
	}

private:
	ReturnSetInfo *info_;
};

// An interval in microseconds, if it began now.
TimestampTz
Length(FunctionCallInfo fcinfo, int i)
{
	return pg::Call([&] {
		TimestampTz now = GetCurrentTimestamp();
		auto then = DatumGetTimestampTz(
			DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(now), PG_GETARG_DATUM(i)));
		if (TIMESTAMP_NOT_FINITE(then))
			ereport(ERROR, (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("interval out of range")));
		return then - now;
	});
}

std::vector<int64_t>
IdsArgument(FunctionCallInfo fcinfo, int i)
{
	Require(fcinfo, i, "ids");
	std::span<const int64> ids = pg::Call([&] {
		ArrayType *array = PG_GETARG_ARRAYTYPE_P(i);
		if (array_contains_nulls(array))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("an id must not be null")));
		return std::span<const int64>(reinterpret_cast<const int64 *>(ARR_DATA_PTR(array)),
									  static_cast<size_t>(ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array))));
	});
	return {ids.begin(), ids.end()};
}

std::string
NameOfConsumer(FunctionCallInfo fcinfo)
{
	Require(fcinfo, 0, "name");
	return TextArgument(fcinfo, 0);
}

void
Consume(FunctionCallInfo fcinfo)
{
	std::string name = NameOfConsumer(fcinfo);
	Require(fcinfo, 1, "max");
	Require(fcinfo, 2, "lease");
	int32_t max = PG_GETARG_INT32(1);
	if (max < 1 || max > kMostGiven)
		throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, "max must be from 1 to 1000"};
	TimestampTz lease = Length(fcinfo, 2);
	if (lease <= 0)
		throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, "lease must be positive"};
	Rows rows(fcinfo);
	Oid caller = GetUserId();
	ByIndex by_index;
	Consumer consumer = Consumer::Open(name, caller);
	for (const Given &given : Take(consumer, by_index, static_cast<size_t>(max), lease))
		rows.Add(Int64GetDatum(given.delivery.id), Int32GetDatum(given.delivery.attempts), given.change);
	consumer.Save();
}

// Runs `settle` on the consumer and the ids that the caller names; it returns the status of each.
template <class F>
Datum
Settle(FunctionCallInfo fcinfo, F &&settle)
{
	std::string name = NameOfConsumer(fcinfo);
	std::vector<int64_t> ids = IdsArgument(fcinfo, 1);
	Rows rows(fcinfo);
	Oid caller = GetUserId();
	ByIndex by_index;
	Consumer consumer = Consumer::Open(name, caller);
	std::vector<const char *> statuses = settle(consumer, ids);
	consumer.Save();
	for (size_t i = 0; i < ids.size(); i++)
		rows.Add(Int64GetDatum(ids[i]), pg::Call([&] { return CStringGetTextDatum(statuses[i]); }));
	return 0;
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(consume);

PGDLLEXPORT Datum
consume(PG_FUNCTION_ARGS)
{
	pg::Entry([&] { Consume(fcinfo); });
	return 0;
}

PG_FUNCTION_INFO_V1(ack);

PGDLLEXPORT Datum
ack(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return Settle(fcinfo, Acknowledge); });
}

PG_FUNCTION_INFO_V1(nack);

PGDLLEXPORT Datum
nack(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] {
		std::optional<TimestampTz> delay;
		if (!PG_ARGISNULL(2))
			delay = Length(fcinfo, 2);
		if (delay && *delay < 0)
			throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, "delay must not be negative"};
		std::optional<std::string> error;
		if (!PG_ARGISNULL(3))
			error = TextArgument(fcinfo, 3);
		return Settle(fcinfo, [&](Consumer &consumer, std::span<const int64_t> ids) {
			return Refuse(consumer, ids, delay, error);
		});
	});
}

PG_FUNCTION_INFO_V1(replay);

PGDLLEXPORT Datum
replay(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return Settle(fcinfo, Replay); });
}

} // extern "C"

} // namespace txsync::api
