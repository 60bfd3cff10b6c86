#include "api/op_result.h"

#include "api/entity_data.h"
#include "api/errors.h"
#include "pg/image.h"

#include <algorithm>

extern "C" {
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
}

namespace txsync::api {

namespace {

const char *
StatusOf(int sqlstate)
{
	if (sqlstate == errors::kFieldConflict.sqlstate || sqlstate == errors::kVersionConflict.sqlstate)
		return "conflict";
	if (sqlstate == errors::kStreamBehind.sqlstate || sqlstate == ERRCODE_LOCK_NOT_AVAILABLE)
		return "deferred";
	return "rejected";
}

// An id that is too long to be one is not repeated.
JsonObject
Result(const core::Op &op, const char *status)
{
	JsonObject result;
	result.Text("status", status);
	bool is_id = op.tx.transaction_id.size() <= core::Tx::kMaxTransactionId;
	result.Text("transactionId", is_id ? op.tx.transaction_id : std::string_view());
	return result;
}

void
AddEntity(JsonObject &result, const std::optional<Datum> &entity)
{
	if (entity)
		result.Json("entity", *entity);
	else
		result.Null("entity");
}

size_t
SizeOf(const std::optional<Datum> &jsonb)
{
	return jsonb ? VARSIZE(DatumGetPointer(*jsonb)) : 0;
}

// Null for what is no JSON.
Jsonb *
ParseDetail(const std::string &detail)
{
	Jsonb *jsonb = nullptr;
	Attempt([&] {
		jsonb =
			pg::Call([&] { return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(detail.c_str()))); });
	});
	return jsonb;
}

// The members of our own errors' DETAIL are the result's. Anybody's trigger may raise errors of class TX as well, with
// whatever for a DETAIL.
void
AddDetail(JsonObject &result, const Problem &problem)
{
	static constexpr std::string_view kOthers[] = {"httpStatus", "transactionId", "status",  "sqlstate", "message",
												   "entity",     "versions",      "inverse", "truncated"};
	if (problem.detail.empty() ||
		ERRCODE_TO_CATEGORY(problem.sqlstate) != ERRCODE_TO_CATEGORY(errors::kInvalidOp.sqlstate))
		return;
	Jsonb *jsonb = ParseDetail(problem.detail);
	if (jsonb == nullptr || !JB_ROOT_IS_OBJECT(jsonb))
		return;
	core::JsonbContainer object(pg::BytesOf(jsonb));
	for (const auto &[name, value] : object.Members()) {
		if (std::ranges::find(kOthers, name) == std::end(kOthers))
			result.Json(name, JsonbOf(value));
	}
}

// As much of a text as a result without content has.
std::string_view
Clipped(const std::string &text)
{
	constexpr int kMost = 200;
	return std::string_view(text).substr(
		0, static_cast<size_t>(pg_mbcliplen(text.data(), static_cast<int>(text.size()), kMost)));
}

} // namespace

Problem
ProblemOf(const pg::Failure &failure)
{
	return {failure.sqlstate, failure.message, failure.detail};
}

Problem
ProblemOf(const pg::Error &error)
{
	auto text = [](const char *member) { return std::string(member != nullptr ? member : ""); };
	return {error.data->sqlerrcode, text(error.data->message), text(error.data->detail)};
}

bool
IsDeferred(const Problem &problem)
{
	return strcmp(StatusOf(problem.sqlstate), "deferred") == 0;
}

bool
IsOfTheCall(int sqlstate)
{
	for (int kind : {ERRCODE_TRANSACTION_ROLLBACK, ERRCODE_INSUFFICIENT_RESOURCES, ERRCODE_OPERATOR_INTERVENTION,
					 ERRCODE_SYSTEM_ERROR, ERRCODE_INTERNAL_ERROR, ERRCODE_INVALID_TRANSACTION_STATE}) {
		if (ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_TO_CATEGORY(kind))
			return true;
	}
	return false;
}

JsonbValue *
ResultOf(const core::Op &op, const Outcome &outcome, size_t room)
{
	static constexpr const char *kStatus[] = {"applied", "duplicate", "superseded"};
	JsonObject result = Result(op, kStatus[static_cast<size_t>(outcome.status)]);
	auto size = [](JsonbValue *value) { return value != nullptr ? SizeOf(*value) : 0; };
	if (SizeOf(outcome.entity) + size(outcome.versions) + size(outcome.inverse) > room) {
		result.Bool("truncated", true);
		return result.End();
	}
	AddEntity(result, outcome.entity);
	if (outcome.versions != nullptr)
		result.Json("versions", outcome.versions);
	if (outcome.inverse != nullptr)
		result.Json("inverse", outcome.inverse);
	return result.End();
}

JsonbValue *
ResultOf(const core::Op &op, const Problem &problem, size_t room)
{
	const char *status = StatusOf(problem.sqlstate);
	bool has_entity = strcmp(status, "conflict") == 0;
	std::optional<Datum> entity = has_entity ? TryReadData(op.entity_type, op.entity_id) : std::nullopt;
	bool whole = SizeOf(entity) + problem.message.size() + problem.detail.size() <= room;
	JsonObject result = Result(op, status);
	const char *sqlstate = unpack_sql_state(problem.sqlstate);
	result.Text("sqlstate", sqlstate);
	result.Text("message", whole ? std::string_view(problem.message) : Clipped(problem.message));
	if (whole) {
		AddDetail(result, problem);
		if (has_entity)
			AddEntity(result, entity);
	} else {
		result.Bool("truncated", true);
	}
	return result.End();
}

JsonbValue *
DeferredResult(const core::Op &op)
{
	return Result(op, "deferred").End();
}

} // namespace txsync::api
