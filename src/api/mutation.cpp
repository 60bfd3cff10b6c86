#include "api/mutation.h"

#include "api/arguments.h"
#include "api/clock.h"
#include "api/conflict.h"
#include "api/declaration.h"
#include "api/entity.h"
#include "api/entity_data.h"
#include "api/errors.h"
#include "api/json_object.h"
#include "api/table.h"
#include "core/jsonb.h"
#include "core/nullable.h"
#include "core/op.h"
#include "pg/encoding.h"
#include "pg/entry.h"

extern "C" {
#include "access/detoast.h"
#include "common/sha2.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
}

namespace txsync::api {

namespace {

constexpr size_t kMaxResult = size_t{1} << 20;

// ---- Beginning

// An id may be spelled in many ways. Where nothing is tracked as its type any more, nobody can tell: what else was
// asked for has to do.
bool
IsSameId(const std::string &before, const Claim &claim)
{
	if (before == claim.entity_id)
		return true;
	std::shared_ptr<const Entity> entity = FindEntity(claim.entity_type);
	return entity == nullptr || before == entity->ids.Read(claim.entity_id).id;
}

// The first member in which a duplicate is not what was asked for before; null if there is none. To another role
// nothing more is told.
const char *
DifferenceOf(const LedgerRow &before, const Claim &claim)
{
	auto same = [](const std::optional<std::string> &a, std::string_view b) {
		return a.has_value() == (b.data() != nullptr) && (!a || *a == b);
	};
	bool names_entity = claim.entity_type.data() != nullptr && before.entity_type;
	if (before.role != RoleName())
		return "role";
	if (before.source_id != claim.tx.source_id)
		return "sourceId";
	if (!same(before.changed_field, claim.tx.changed_field))
		return "changedField";
	if (names_entity && !same(before.entity_type, claim.entity_type))
		return "entityType";
	if (names_entity && claim.entity_id.data() != nullptr && !(before.entity_id && IsSameId(*before.entity_id, claim)))
		return "entityId";
	return same(before.request, claim.request) ? nullptr : "request";
}

void
RequireSameRequest(const LedgerRow &before, const Claim &claim)
{
	if (const char *member = DifferenceOf(before, claim))
		throw Fail(
			errors::kDuplicateMismatch,
			"transactionId " + Quoted(claim.tx.transaction_id) + " was used for another request",
			{{"transactionId", claim.tx.transaction_id}, {"member", member}},
			"A retry repeats its request as it was, by the same role; another request needs another transactionId.");
}

// jsonb or null, kept for the rest of the transaction.
Datum
Kept(Datum jsonb)
{
	return pg::Call([&] {
		MemoryContext outer = MemoryContextSwitchTo(TopTransactionContext);
		Datum copy = PointerGetDatum(PG_DETOAST_DATUM_COPY(jsonb));
		MemoryContextSwitchTo(outer);
		return copy;
	});
}

Declaration &
Redeclare(Declaration::Kind kind, const core::Tx &tx)
{
	Declaration &declaration = ToDeclare();
	declaration.empty += declaration.awaits_row ? 1 : 0;
	declaration.awaits_row = false;
	declaration.knows_entity = false;
	declaration.has_ended = false;
	declaration.relation = InvalidOid;
	declaration.place = {};
	declaration.kind = kind;
	declaration.Set(tx);
	return declaration;
}

// A field that belongs to no column of the named entity would never be found wrong otherwise.
void
RequireFieldOf(const Entity &entity, std::string_view field)
{
	if (field.data() == nullptr)
		return;
	std::string name(field);
	bool is_column = pg::Call([&] { return get_attnum(entity.relation, name.c_str()) > InvalidAttrNumber; });
	if (!is_column)
		RefuseTx("changedField " + Quoted(field) + " is not a column of the entity's table");
}

// ---- The SQL function

// What tx says that is expected; nothing if it does not say, null if it expects nobody.
std::optional<std::string_view>
ExpectedOf(std::string_view jsonb)
{
	core::JsonbEntry expected = core::JsonbContainer(jsonb).Find("expectedTransactionId");
	switch (expected.kind) {
	case core::JsonbEntry::Kind::kString:
		return expected.bytes;
	case core::JsonbEntry::Kind::kNull:
		return std::string_view();
	case core::JsonbEntry::Kind::kDamaged:
		return std::nullopt;
	default:
		RefuseTx("expectedTransactionId must be null or a text");
	}
}

std::string
Digest(std::string_view bytes)
{
	std::string digest(PG_SHA256_DIGEST_LENGTH, '\0');
	pg::Call([&] {
		Datum input = PointerGetDatum(cstring_to_text_with_len(bytes.data(), static_cast<int>(bytes.size())));
		auto *hash = DatumGetByteaPP(DirectFunctionCall1(sha256_bytea, input));
		memcpy(digest.data(), VARDATA_ANY(hash), PG_SHA256_DIGEST_LENGTH);
	});
	return digest;
}

std::string
JsonOf(const std::optional<Datum> &jsonb)
{
	if (!jsonb)
		return "null";
	return pg::Call([&] { return DatumGetCString(DirectFunctionCall1(jsonb_out, *jsonb)); });
}

Datum
Parse(const std::string &json)
{
	return pg::Call([&] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.c_str())); });
}

Datum
DuplicateAnswer()
{
	std::optional<Datum> data;
	if (std::optional<DuplicateOf> entity = StoredEntity())
		data = TryReadData(entity->entity_type, entity->entity_id);
	return Parse(R"({"status":"duplicate","entity":)" + JsonOf(data) + R"(,"result":)" + JsonOf(StoredResult()) + "}");
}

Datum
Begin(FunctionCallInfo fcinfo)
{
	Require(fcinfo, 0, "tx");
	std::string_view jsonb = JsonbArgument(fcinfo, 0);
	core::Tx tx;
	if (const char *defect = core::ReadTx(jsonb, tx))
		RefuseTx(defect);
	Named named{OptionalText(fcinfo, 1), OptionalText(fcinfo, 2)};
	if (named.entity_id.data() != nullptr && named.entity_type.data() == nullptr)
		throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, "entity_id needs entity_type"};
	if (named.entity_id.size() > core::kMaxEntityId)
		throw pg::Failure{ERRCODE_PROGRAM_LIMIT_EXCEEDED, "entity_id must have at most 8000 bytes"};
	std::string request = PG_ARGISNULL(3) ? std::string() : Digest(JsonbArgument(fcinfo, 3));
	std::optional<std::string_view> expected = ExpectedOf(jsonb);
	if (expected && expected->data() != nullptr && named.entity_id.data() == nullptr)
		RefuseTx("expectedTransactionId cannot be compared with anything without entity_type and entity_id");
	if (BeginMutation(tx, named, request) == Begun::kDuplicate)
		return DuplicateAnswer();
	if (named.entity_id.data() != nullptr && expected)
		RequireNoConflict(*EntityOf(named.entity_type), named.entity_id, {tx.changed_field, *expected});
	return Parse(R"({"status":"new"})");
}

} // namespace

void
RefuseTx(const std::string &what)
{
	std::string_view text = what;
	std::string_view first = text.substr(0, text.find(' '));
	bool is_member =
		first == "transactionId" || first == "sourceId" || first == "changedField" || first == "expectedTransactionId";
	throw Fail(errors::kInvalidTx, "invalid tx: " + std::string(what),
			   {{"member", is_member ? first : std::string_view()}},
			   R"(A tx is {"transactionId": ..., "sourceId": ..., "changedField": ... or null}.)");
}

void
RequireValid(const core::Tx &tx)
{
	if (const char *defect = core::Defect(tx))
		RefuseTx(defect);
}

Begun
BeginMutation(const core::Tx &tx, const Named &named, std::string_view request)
{
	RequireValid(tx);
	Oid relation = InvalidOid;
	std::string id;
	Claim claim{tx, named.entity_type, named.entity_id, core::NullIfEmpty(request)};
	// What is a duplicate is told as one, whatever has become of its entity since.
	auto resolve = [&](Claim &unclaimed) {
		if (named.entity_type.data() == nullptr)
			return;
		std::shared_ptr<const Entity> entity = EntityOf(named.entity_type);
		RequireFieldOf(*entity, tx.changed_field);
		relation = entity->relation;
		if (named.entity_id.data() != nullptr)
			unclaimed.entity_id = id = entity->ids.Read(named.entity_id).id;
	};
	Claimed claimed = ClaimId(claim, resolve);
	if (claimed.before) {
		RequireSameRequest(*claimed.before, claim);
		Declaration &declaration = Redeclare(Declaration::Kind::kDuplicate, tx);
		declaration.place = claimed.before->place;
		return Begun::kDuplicate;
	}
	core::Tx elsewhere = tx;
	elsewhere.changed_field = {};
	Declaration &declaration = Redeclare(Declaration::Kind::kMutation, tx);
	declaration.awaits_row = true;
	declaration.knows_entity = named.entity_id.data() != nullptr;
	declaration.relation = relation;
	declaration.place = claimed.place;
	declaration.time = TimeOf(tx.transaction_id);
	declaration.tx = Kept(ToDatum(tx));
	declaration.tx_of_others = Kept(ToDatum(elsewhere));
	return Begun::kNew;
}

void
FinishMutation(Datum result)
{
	const Declaration *declared = Declared();
	if (declared == nullptr || declared->kind != Declaration::Kind::kMutation)
		throw pg::Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "no mutation has been begun",
						  "Only the transaction that begins a mutation can finish it, and a duplicate is finished."};
	size_t size = pg::Call([&] { return toast_raw_datum_size(result) - VARHDRSZ; });
	if (size > kMaxResult)
		throw pg::Failure{ERRCODE_PROGRAM_LIMIT_EXCEEDED, "the result of a mutation must have at most 1 MB",
						  "This one has " + std::to_string(size) + " bytes.",
						  "The ledger keeps it for whoever retries: what can be read again needs no place in it."};
	RecordResult(ToDeclare().place, result);
}

void
EndMutation()
{
	const Declaration *declared = Declared();
	if (declared != nullptr && declared->kind == Declaration::Kind::kMutation)
		Redeclare(Declaration::Kind::kNone, {}).has_ended = true;
}

std::optional<Datum>
StoredResult()
{
	std::optional<LedgerRow> row = FindId(Declared()->Tx().transaction_id);
	return row && row->has_result ? std::optional<Datum>(row->result) : std::nullopt;
}

std::optional<DuplicateOf>
StoredEntity()
{
	std::optional<LedgerRow> row = FindId(Declared()->Tx().transaction_id);
	if (!row || !row->entity_type || !row->entity_id)
		return std::nullopt;
	return DuplicateOf{*row->entity_type, *row->entity_id};
}

extern "C" {

PG_FUNCTION_INFO_V1(begin_mutation);

PGDLLEXPORT Datum
begin_mutation(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return Begin(fcinfo); });
}

PG_FUNCTION_INFO_V1(finish_mutation);

PGDLLEXPORT Datum
finish_mutation(PG_FUNCTION_ARGS)
{
	pg::Entry([&] {
		Require(fcinfo, 0, "result");
		FinishMutation(PG_GETARG_DATUM(0));
	});
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(end_mutation);

PGDLLEXPORT Datum
end_mutation(FunctionCallInfo)
{
	pg::Entry([] { EndMutation(); });
	PG_RETURN_VOID();
}

} // extern "C"

} // namespace txsync::api
