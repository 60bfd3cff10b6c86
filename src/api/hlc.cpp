// Transaction ids as hybrid logical clock times: the type hlc, and functions on ids as text.

#include "api/arguments.h"
#include "api/clock.h"
#include "api/errors.h"
#include "pg/compat.h"
#include "pg/entry.h"
#include "pg/image.h"

extern "C" {
#include "common/hashfn.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
}

namespace txsync::api {

namespace {

constexpr size_t kMaxNode = 64;

// The start of a text that is to be shown, cut between characters.
std::string
Shown(std::string_view text)
{
	auto length = static_cast<int>(text.size());
	int cut = pg::Call([&] { return pg_mbcliplen(text.data(), length, core::Hlc::kMaxBytes); });
	return std::string(text.substr(0, static_cast<size_t>(cut))) + (cut < length ? "..." : "");
}

// A view into the text.
core::Hlc
Parse(std::string_view text)
{
	auto hlc = core::ParseHlc(text);
	if (!hlc)
		throw Fail(errors::kInvalidTransactionId,
				   "transaction id \"" + Shown(text) + "\" is not of a hybrid logical clock", {},
				   "Such an id is wallTimeMs.logical.node, as 1795251600000.0000.laptop.");
	return *hlc;
}

Datum
ToDatum(const core::Hlc &hlc)
{
	core::Buffer bytes;
	AppendBinary(bytes, hlc);
	return pg::Call(
		[&] { return PointerGetDatum(cstring_to_text_with_len(bytes.View().data(), static_cast<int>(bytes.Size()))); });
}

// The stored bytes, which may be those of the argument itself.
std::string_view
Stored(FunctionCallInfo fcinfo, int i)
{
	return pg::BytesOf(pg::Call([&] { return PG_GETARG_VARLENA_PP(i); }));
}

std::string
StoredAsText(FunctionCallInfo fcinfo)
{
	auto hlc = core::ParseBinary(Stored(fcinfo, 0));
	if (!hlc)
		throw pg::Failure{ERRCODE_DATA_CORRUPTED, "a stored hlc is malformed"};
	return ToString(*hlc);
}

// The binary protocol has the text, as type text has it.
Datum
Receive(FunctionCallInfo fcinfo)
{
	std::string_view id =
		pg::Call([&] { return pg::BytesOf(DatumGetTextPP(DirectFunctionCall1(textrecv, PG_GETARG_DATUM(0)))); });
	return ToDatum(Parse(id));
}

Datum
Send(FunctionCallInfo fcinfo)
{
	Datum text = TextDatum(StoredAsText(fcinfo));
	return pg::Call([&] { return DirectFunctionCall1(textsend, text); });
}

// What `<=>` says of the two arguments: the stored bytes are in the order of the ids.
int
Compare(FunctionCallInfo fcinfo)
{
	int order = Stored(fcinfo, 0).compare(Stored(fcinfo, 1));
	return (order > 0) - (order < 0);
}

template <class Test>
Datum
Compared(FunctionCallInfo fcinfo, Test test)
{
	return pg::Entry([&] { return BoolGetDatum(test(Compare(fcinfo))); });
}

const unsigned char *
Unsigned(std::string_view bytes)
{
	return reinterpret_cast<const unsigned char *>(bytes.data());
}

std::string
IdOfNode(std::string_view node)
{
	if (node.empty() || node.size() > kMaxNode)
		throw Fail(errors::kInvalidTransactionId,
				   "a node has 1 to " + std::to_string(kMaxNode) + " bytes, this one has " +
					   std::to_string(node.size()),
				   {}, "Without an argument the server names itself.");
	core::Stamp time = ClockNext();
	return core::ToString({time.wall_ms, time.logical, node});
}

Datum
ParseTransactionId(FunctionCallInfo fcinfo)
{
	std::string id = TextArgument(fcinfo, 0);
	core::Hlc hlc = Parse(id);
	return pg::Call([&] {
		TupleDesc desc;
		if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		constexpr int64 kUnixEpoch = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;
		bool nulls[] = {false, false, false, false};
		Datum values[] = {
			TimestampTzGetDatum(static_cast<int64>(hlc.wall_ms) * 1000 - kUnixEpoch),
			Int64GetDatum(static_cast<int64>(hlc.wall_ms)), Int64GetDatum(static_cast<int64>(hlc.logical)),
			PointerGetDatum(cstring_to_text_with_len(hlc.node.data(), static_cast<int>(hlc.node.size())))};
		return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
	});
}

int
CompareTransactionIds(FunctionCallInfo fcinfo)
{
	std::string a = TextArgument(fcinfo, 0);
	std::string b = TextArgument(fcinfo, 1);
	auto order = Parse(a) <=> Parse(b);
	return (order > 0) - (order < 0);
}

Datum
Now()
{
	core::Stamp time = ClockNext();
	return ToDatum({time.wall_ms, time.logical, ClockNode()});
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(hlc_in);
PG_FUNCTION_INFO_V1(hlc_out);
PG_FUNCTION_INFO_V1(hlc_recv);
PG_FUNCTION_INFO_V1(hlc_send);
PG_FUNCTION_INFO_V1(hlc_eq);
PG_FUNCTION_INFO_V1(hlc_ne);
PG_FUNCTION_INFO_V1(hlc_lt);
PG_FUNCTION_INFO_V1(hlc_le);
PG_FUNCTION_INFO_V1(hlc_gt);
PG_FUNCTION_INFO_V1(hlc_ge);
PG_FUNCTION_INFO_V1(hlc_cmp);
PG_FUNCTION_INFO_V1(hlc_hash);
PG_FUNCTION_INFO_V1(hlc_hash_extended);
PG_FUNCTION_INFO_V1(create_transaction_id);
PG_FUNCTION_INFO_V1(parse_transaction_id);
PG_FUNCTION_INFO_V1(compare_transaction_ids);
PG_FUNCTION_INFO_V1(hlc_now);
PG_FUNCTION_INFO_V1(hlc_observe);

PGDLLEXPORT Datum
hlc_in(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return ToDatum(Parse(PG_GETARG_CSTRING(0))); });
}

PGDLLEXPORT Datum
hlc_out(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] {
		std::string text = StoredAsText(fcinfo);
		return pg::Call([&] { return CStringGetDatum(pnstrdup(text.data(), text.size())); });
	});
}

PGDLLEXPORT Datum
hlc_recv(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return Receive(fcinfo); });
}

PGDLLEXPORT Datum
hlc_send(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return Send(fcinfo); });
}

PGDLLEXPORT Datum
hlc_eq(PG_FUNCTION_ARGS)
{
	return Compared(fcinfo, [](int order) { return order == 0; });
}

PGDLLEXPORT Datum
hlc_ne(PG_FUNCTION_ARGS)
{
	return Compared(fcinfo, [](int order) { return order != 0; });
}

PGDLLEXPORT Datum
hlc_lt(PG_FUNCTION_ARGS)
{
	return Compared(fcinfo, [](int order) { return order < 0; });
}

PGDLLEXPORT Datum
hlc_le(PG_FUNCTION_ARGS)
{
	return Compared(fcinfo, [](int order) { return order <= 0; });
}

PGDLLEXPORT Datum
hlc_gt(PG_FUNCTION_ARGS)
{
	return Compared(fcinfo, [](int order) { return order > 0; });
}

PGDLLEXPORT Datum
hlc_ge(PG_FUNCTION_ARGS)
{
	return Compared(fcinfo, [](int order) { return order >= 0; });
}

PGDLLEXPORT Datum
hlc_cmp(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return Int32GetDatum(Compare(fcinfo)); });
}

PGDLLEXPORT Datum
hlc_hash(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] {
		std::string_view bytes = Stored(fcinfo, 0);
		return hash_any(Unsigned(bytes), static_cast<int>(bytes.size()));
	});
}

PGDLLEXPORT Datum
hlc_hash_extended(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] {
		std::string_view bytes = Stored(fcinfo, 0);
		return hash_any_extended(Unsigned(bytes), static_cast<int>(bytes.size()),
								 static_cast<uint64>(PG_GETARG_INT64(1)));
	});
}

PGDLLEXPORT Datum
create_transaction_id(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return TextDatum(PG_ARGISNULL(0) ? ServerId() : IdOfNode(TextArgument(fcinfo, 0))); });
}

PGDLLEXPORT Datum
parse_transaction_id(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return ParseTransactionId(fcinfo); });
}

PGDLLEXPORT Datum
compare_transaction_ids(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return Int32GetDatum(CompareTransactionIds(fcinfo)); });
}

PGDLLEXPORT Datum
hlc_now(FunctionCallInfo)
{
	return pg::Entry([] { return Now(); });
}

PGDLLEXPORT Datum
hlc_observe(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] {
		std::string id = TextArgument(fcinfo, 0);
		ClockObserve(Parse(id));
		return Now();
	});
}

} // extern "C"

} // namespace txsync::api
