// squash_ops(): what a queue of ops may shrink to before it is sent.

#include "core/squash.h"

#include "api/arguments.h"
#include "api/json_object.h"
#include "api/value.h"
#include "core/op.h"
#include "pg/entry.h"

extern "C" {
#include "utils/builtins.h"
#include "utils/numeric.h"
}

namespace txsync::api {

namespace {

using Kind = core::JsonbEntry::Kind;

// An op as it was queued.
struct Queued
{
	core::JsonbContainer object;
	core::Op op;
	std::string content; // JSON text of what it writes
	core::QueuedOp queued;
};

std::string
ContentOf(const core::JsonbContainer &object)
{
	std::string content;
	for (const char *name : {"value", "data"}) {
		core::JsonbEntry member = object.Find(name);
		if (member.kind != Kind::kDamaged && member.kind != Kind::kNull)
			content += TextOf(member);
	}
	return content;
}

core::QueuedOp
ToQueued(const Queued &from, bool is_sound)
{
	const core::Op &op = from.op;
	core::QueuedOp queued;
	queued.transaction_id = op.tx.transaction_id;
	queued.entity_type = op.entity_type;
	queued.entity_id = op.entity_id;
	queued.action = op.action;
	queued.operation = op.operation;
	queued.changed_field = op.tx.changed_field;
	queued.expected = op.expected_transaction_id;
	queued.replaces = op.replaces;
	queued.content = from.content;
	queued.sent = from.object.Find("sent").kind == Kind::kTrue;
	queued.bound = !is_sound || op.expected_version || op.expected_field.data() != nullptr;
	return queued;
}

std::vector<Queued>
ReadQueue(const core::JsonbContainer &array)
{
	std::vector<Queued> queue;
	queue.reserve(array.Count()); // they view into each other
	for (const core::JsonbEntry &element : array.Elements()) {
		pg::CheckForInterrupts();
		core::JsonbContainer object(element.kind == Kind::kContainer ? element.bytes : std::string_view());
		if (element.kind != Kind::kContainer || !object.IsObject())
			throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, "ops must be an array of objects"};
		Queued &queued = queue.emplace_back(Queued{object, {}, {}, {}});
		bool is_sound = !core::ReadOp(object, queued.op);
		queued.content = ContentOf(object);
		queued.queued = ToQueued(queued, is_sound);
	}
	return queue;
}

// ---- What is left

JsonbValue *
MergedData(const std::vector<Queued> &queue, const core::SquashedOp &squashed)
{
	JsonObject data;
	for (const auto &[name, value] : core::JsonbContainer(queue[squashed.base].op.data).Members())
		data.Json(name, JsonbOf(value));
	for (size_t update : squashed.values) // of two with one name the later one stays
		data.Json(queue[update].op.tx.changed_field, JsonbOf(queue[update].op.value));
	return data.End();
}

Datum
Sum(const std::vector<Queued> &queue, const core::SquashedOp &squashed)
{
	auto number = [&](size_t op) { return PointerGetDatum(const_cast<char *>(queue[op].op.value.bytes.data())); };
	return pg::Call([&] {
		Datum sum = number(squashed.values.front());
		for (size_t i = 1; i < squashed.values.size(); i++)
			sum = DirectFunctionCall2(numeric_add, sum, number(squashed.values[i]));
		JsonbValue value = {};
		value.type = jbvNumeric;
		value.val.numeric = DatumGetNumeric(sum);
		return JsonbPGetDatum(JsonbValueToJsonb(&value));
	});
}

Datum
Texts(std::span<const std::string_view> texts)
{
	return pg::Call([&] {
		JsonbParseState *state = nullptr;
		pushJsonbValue(&state, WJB_BEGIN_ARRAY, nullptr);
		for (std::string_view text : texts) {
			JsonbValue value = {};
			value.type = jbvString;
			value.val.string = {static_cast<int>(text.size()), const_cast<char *>(text.data())};
			pushJsonbValue(&state, WJB_ELEM, &value);
		}
		return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, nullptr)));
	});
}

// The base's members, but for those that other ops give.
JsonbValue *
Squashed(const std::vector<Queued> &queue, const core::SquashedOp &squashed)
{
	const Queued &base = queue[squashed.base];
	JsonObject op;
	for (const auto &[name, value] : base.object.Members()) {
		if (name != "expectedTransactionId")
			op.Json(name, JsonbOf(value));
	}
	// Of two members with one name the later one stays.
	for (const char *name : {"transactionId", "sourceId"}) {
		core::JsonbEntry member = queue[squashed.id].object.Find(name);
		if (member.kind != Kind::kDamaged)
			op.Json(name, JsonbOf(member));
	}
	core::JsonbEntry expected =
		queue[squashed.expected].object.Find(squashed.expected_is_id ? "transactionId" : "expectedTransactionId");
	if (expected.kind != Kind::kDamaged)
		op.Json("expectedTransactionId", JsonbOf(expected));
	if (squashed.expected_field)
		op.Text("expectedField", queue[*squashed.expected_field].op.tx.changed_field);
	if (!squashed.values.empty() && base.op.action == core::OpAction::kCreate)
		op.Json("data", MergedData(queue, squashed));
	else if (!squashed.values.empty())
		op.Json("value", Sum(queue, squashed));
	if (!squashed.replaces.empty())
		op.Json("replaces", Texts(squashed.replaces));
	return op.End();
}

Datum
SquashOps(FunctionCallInfo fcinfo)
{
	Require(fcinfo, 0, "ops");
	core::JsonbContainer array(JsonbArgument(fcinfo, 0));
	if (array.IsObject() || array.IsScalar())
		throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, "ops must be an array of objects"};
	std::vector<Queued> queue = ReadQueue(array);
	std::vector<core::QueuedOp> ops;
	for (const Queued &queued : queue)
		ops.push_back(queued.queued);
	std::vector<JsonbValue *> result;
	for (const core::SquashedOp &squashed : core::Squash(ops, pg::CheckForInterrupts)) {
		pg::CheckForInterrupts();
		result.push_back(Squashed(queue, squashed));
	}
	return pg::Call([&] {
		JsonbParseState *state = nullptr;
		pushJsonbValue(&state, WJB_BEGIN_ARRAY, nullptr);
		for (JsonbValue *op : result)
			pushJsonbValue(&state, WJB_ELEM, op);
		return JsonbPGetDatum(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_ARRAY, nullptr)));
	});
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(squash_ops);

PGDLLEXPORT Datum
squash_ops(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return SquashOps(fcinfo); });
}

} // extern "C"

} // namespace txsync::api
