#include "api/conflict.h"

#include "api/arguments.h"
#include "api/described.h"
#include "api/entity_data.h"
#include "api/errors.h"
#include "api/ledger.h"
#include "api/table.h"
#include "core/json.h"
#include "core/nullable.h"
#include "pg/entry.h"
#include "pg/image.h"

extern "C" {
#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
}

namespace txsync::api {

namespace {

core::Verdict
JudgeState(const Entity &entity, const State &state, const Expectation &expectation)
{
	core::Buffer store;
	core::EntityState known;
	std::optional<core::Versions> versions;
	if (state.exists)
		known.versions = &versions.emplace(VersionsOf(store, state));
	else if (state.tombstone)
		known.tombstone = *state.tombstone;
	return Judge(entity, known, expectation);
}

} // namespace

pg::Failure
FieldConflict(std::string_view entity_type, std::string_view entity_id, const Expectation &expectation,
			  std::string_view server_id)
{
	return Fail(errors::kFieldConflict,
				"entity " + Quoted(entity_id) + " of type " + Quoted(entity_type) + " was changed meanwhile",
				{{"field", expectation.field},
				 {"expectedTransactionId", expectation.transaction_id},
				 {"serverTransactionId", core::NullIfEmpty(server_id)}},
				kReadAgain);
}

core::Verdict
Judge(const Entity &entity, const core::EntityState &state, const Expectation &expectation)
{
	core::Attempt attempt;
	attempt.kind = expectation.kind;
	if (expectation.field.data() != nullptr)
		attempt.field = FieldOf(entity, expectation.field);
	attempt.expected = expectation.transaction_id;
	attempt.replaces = expectation.replaces;
	return core::Judge(state, attempt);
}

core::Verdict
FindConflict(const Entity &entity, std::string_view entity_id, const Expectation &expectation)
{
	if (expectation.field.data() != nullptr)
		FieldOf(entity, expectation.field);
	bool deletes = expectation.kind == core::Attempt::Kind::kDelete;
	return JudgeState(entity, Read(entity, entity_id, deletes ? Lock::kDelete : Lock::kUpdate), expectation);
}

void
RequireNoConflict(const Entity &entity, std::string_view entity_id, const Expectation &expectation)
{
	core::Verdict verdict = FindConflict(entity, entity_id, expectation);
	if (verdict.conflict)
		throw FieldConflict(entity.tracking.entity_type, entity_id, expectation, verdict.server_id);
}

namespace {

Datum
CheckFieldConflict(FunctionCallInfo fcinfo)
{
	Require(fcinfo, 0, "entity_type");
	Require(fcinfo, 1, "entity_id");
	std::shared_ptr<const Entity> entity = EntityOf(TextArgument(fcinfo, 0));
	std::string id = TextArgument(fcinfo, 1);
	std::optional<std::string> field = PG_ARGISNULL(2) ? std::nullopt : std::optional(TextArgument(fcinfo, 2));
	std::optional<std::string> expected = PG_ARGISNULL(3) ? std::nullopt : std::optional(TextArgument(fcinfo, 3));
	Expectation expectation;
	if (field)
		expectation.field = *field;
	else
		expectation.kind = core::Attempt::Kind::kDelete;
	if (expected)
		expectation.transaction_id = *expected;
	core::Verdict verdict = FindConflict(*entity, id, expectation);
	return pg::Call([&] {
		TupleDesc desc;
		if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		bool nulls[] = {false, verdict.server_id.empty()};
		Datum values[] = {BoolGetDatum(verdict.conflict), CStringGetTextDatum(verdict.server_id.c_str())};
		return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
	});
}

Datum
FieldVersions(FunctionCallInfo fcinfo)
{
	std::shared_ptr<const Entity> entity = EntityOf(TextArgument(fcinfo, 0));
	State state = Read(*entity, TextArgument(fcinfo, 1), Lock::kNone);
	if (!state.exists) {
		fcinfo->isnull = true;
		return Datum(0);
	}
	return ToDatum(DescribeVersions(*entity, state));
}

// Whoever claimed an id may know what it was for, and whoever may read that.
bool
MayKnow(const LedgerRow &row)
{
	return row.role == RoleName() || TryReadData(*row.entity_type, *row.entity_id).has_value();
}

Datum
GetEntityByTransaction(FunctionCallInfo fcinfo)
{
	std::optional<LedgerRow> row = FindId(TextArgument(fcinfo, 0));
	if (!row || !row->entity_type || !row->entity_id || !MayKnow(*row)) {
		fcinfo->isnull = true;
		return Datum(0);
	}
	core::Buffer json;
	json.Append("{\"entityType\":");
	core::json::String(json, *row->entity_type);
	json.Append(",\"entityId\":");
	core::json::String(json, *row->entity_id);
	json.Append('}');
	return ToDatum(json.View());
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(check_field_conflict);

PGDLLEXPORT Datum
check_field_conflict(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return CheckFieldConflict(fcinfo); });
}

PG_FUNCTION_INFO_V1(field_versions);

PGDLLEXPORT Datum
field_versions(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return FieldVersions(fcinfo); });
}

PG_FUNCTION_INFO_V1(is_transaction_processed);

PGDLLEXPORT Datum
is_transaction_processed(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] {
		auto *id = pg::Call([&] { return PG_GETARG_TEXT_PP(0); });
		return BoolGetDatum(IsClaimed(pg::BytesOf(id)));
	});
}

PG_FUNCTION_INFO_V1(get_entity_by_transaction);

PGDLLEXPORT Datum
get_entity_by_transaction(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return GetEntityByTransaction(fcinfo); });
}

} // extern "C"

} // namespace txsync::api
