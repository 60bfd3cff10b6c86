// verify(): whether changelog and table agree. First the table is gone through for rows that the changelog does not
// know, then the changelog for entities that the table has not, or has otherwise. What looks different counts only if
// it is so although nothing was captured of the entity meanwhile.

#include "api/arguments.h"
#include "api/attach.h"
#include "api/capture.h"
#include "api/in_pieces.h"
#include "api/json_object.h"
#include "api/last_word.h"
#include "api/table_walk.h"
#include "pg/entry.h"

#include <charconv>

extern "C" {
#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
}

namespace txsync::api {

namespace {

// How often an entity is looked at that changes all the time. Each time is a comparison of its own.
constexpr int kTries = 20;

// ---- Where it is, as a text that the procedure hands back: `table.storage.block`, then `activity`

struct Position
{
	bool in_table = true;
	Place place;
	int64_t activity = 0;
};

Position
ParsePosition(std::string_view text)
{
	int64_t numbers[3] = {};
	size_t count = 0;
	const char *at = text.data();
	const char *end = at + text.size();
	for (; at < end && count < 3; at++)
		at = std::from_chars(at, end, numbers[count++]).ptr;
	if (count == 1)
		return {false, {}, numbers[0]};
	return {true, {static_cast<Oid>(numbers[0]), static_cast<Oid>(numbers[1]), numbers[2]}, 0};
}

std::string
Format(const Position &position)
{
	if (!position.in_table)
		return std::to_string(position.activity);
	const Place &place = position.place;
	return std::to_string(place.table) + '.' + std::to_string(place.storage) + '.' + std::to_string(place.block);
}

// ---- Comparing

// Ids need not be unique: rows with one id are one entity, as one of them says.
bool
Agree(const LastWord &word, const std::vector<HeldRow> &rows)
{
	if (!word.exists)
		return rows.empty() || word.may_be_forgotten;
	return std::ranges::any_of(rows, [&](const HeldRow &row) {
		bool same_version = word.row_version == 0 || row.row_version == 0 || word.row_version == row.row_version;
		return same_version && word.organization == row.organization;
	});
}

struct Difference
{
	std::string id;
	LastWord word;
	std::vector<HeldRow> rows;
};

// Those of the entities that do differ now.
std::vector<Difference>
Compare(const Entity &entity, const std::vector<std::string> &ids)
{
	std::vector<LastWord> words = LastWords(entity.tracking.entity_type, ids);
	std::vector<Difference> differences;
	for (size_t i = 0; i < ids.size(); i++) {
		pg::CheckForInterrupts();
		std::vector<HeldRow> rows = FindRows(entity, ids[i]);
		if (!Agree(words[i], rows))
			differences.push_back({ids[i], words[i], std::move(rows)});
	}
	return differences;
}

// A row is never older than what the changelog said before it was read. So if the changelog still says the same when it
// goes beyond that moment, and they differ, there is nothing on the way that could explain it.
std::vector<Difference>
Confirm(const Entity &entity, std::vector<std::string> ids)
{
	std::vector<Difference> confirmed;
	for (int tries = 0; tries < kTries && !ids.empty(); tries++) {
		std::vector<Difference> before = Compare(entity, ids);
		ids.clear();
		if (before.empty())
			break;
		for (const Difference &difference : before)
			ids.push_back(difference.id);
		WaitCaptured(GetXLogInsertRecPtr(), DT_NOEND);
		std::vector<LastWord> after = LastWords(entity.tracking.entity_type, ids);
		ids.clear();
		for (size_t i = 0; i < before.size(); i++) {
			if (after[i] == before[i].word)
				confirmed.push_back(std::move(before[i]));
			else
				ids.push_back(before[i].id);
		}
	}
	return confirmed;
}

// ---- One piece

struct Found
{
	int64_t entities = 0; // that the table has
	std::vector<Difference> differences;
};

Found
VerifyTable(const Entity &entity, Position &position)
{
	std::optional<Piece> piece = NextPiece(entity.relation, position.place);
	position.in_table = piece.has_value();
	if (!piece)
		return {};
	std::vector<std::string> ids;
	for (HeldRow &row : ReadRows(entity, *piece))
		ids.push_back(std::move(row.id));
	auto count = static_cast<int64_t>(ids.size());
	std::vector<LastWord> words = LastWords(entity.tracking.entity_type, ids);
	size_t at = 0;
	std::erase_if(ids, [&](const std::string &) {
		const LastWord &word = words[at++];
		return word.exists || word.may_be_forgotten;
	});
	return {count, Confirm(entity, std::move(ids))};
}

Found
VerifyChangelog(const Entity &entity, Position &position)
{
	return {0, Confirm(entity, Existing(entity.tracking.entity_type, position.activity))};
}

// ---- As JSON

JsonbValue *
Describe(const std::optional<std::string> &organization, int64_t row_version)
{
	JsonObject object;
	object.Text("organizationId", organization ? std::string_view(*organization) : std::string_view());
	if (row_version > 0)
		object.Integer("rowVersion", row_version);
	else
		object.Null("rowVersion");
	return object.End();
}

JsonbValue *
Describe(const Difference &difference)
{
	JsonObject object;
	object.Text("entityId", difference.id);
	if (difference.rows.empty())
		object.Null("table");
	else
		object.Json("table", Describe(difference.rows.front().organization, difference.rows.front().row_version));
	if (difference.word.exists)
		object.Json("changelog", Describe(difference.word.organization, difference.word.row_version));
	else
		object.Null("changelog");
	return object.End();
}

Datum
ToJson(const std::vector<Difference> &differences)
{
	JsonbParseState *state = nullptr;
	pg::Call([&] { pushJsonbValue(&state, WJB_BEGIN_ARRAY, nullptr); });
	for (const Difference &difference : differences) {
		JsonbValue *object = Describe(difference);
		pg::Call([&] { pushJsonbValue(&state, WJB_ELEM, object); });
	}
	return ToDatum(pg::Call([&] { return pushJsonbValue(&state, WJB_END_ARRAY, nullptr); }));
}

// (place text, entities bigint, differences jsonb): no place at the end.
Datum
VerifyPiece(FunctionCallInfo fcinfo)
{
	Require(fcinfo, 0, "relation");
	Require(fcinfo, 1, "place");
	std::shared_ptr<const Entity> entity = EntityInPieces(PG_GETARG_OID(0), "txsync.verify()");
	Position position = ParsePosition(TextArgument(fcinfo, 1));
	bool in_table = position.in_table;
	Found found = in_table ? VerifyTable(*entity, position) : VerifyChangelog(*entity, position);
	bool over = !in_table && position.activity == 0;
	std::string next = Format(position);
	Datum differences = ToJson(found.differences);
	return pg::Call([&] {
		TupleDesc desc;
		if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		Datum values[] = {CStringGetTextDatum(next.c_str()), Int64GetDatum(found.entities), differences};
		bool nulls[] = {over, false, false};
		return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
	});
}

// ---- All of them

constexpr char kLog[] =
	"INSERT INTO txsync.sync_log (sync_type, status, code, records_synced, detail) VALUES ('verify',"
	" CASE WHEN $1 THEN 'OK' ELSE 'ERROR' END, CASE WHEN $1 THEN 'VERIFIED' ELSE 'DIFFERENCES' END, $2, $3)";

constinit SPIPlanPtr log_plan = nullptr;

// What the procedure found, (relation regclass, entities bigint, differing bigint, differences jsonb), as its result.
Datum
Verified(FunctionCallInfo fcinfo)
{
	for (int i = 0; i < 4; i++)
		Require(fcinfo, i, "an argument");
	std::shared_ptr<const Entity> entity = EntityInPieces(PG_GETARG_OID(0), "txsync.verify()");
	int64_t differing = PG_GETARG_INT64(2);
	JsonObject object;
	object.Text("entityType", entity->tracking.entity_type);
	object.Integer("entities", PG_GETARG_INT64(1));
	object.Integer("differing", differing);
	object.Json("differences", PG_GETARG_DATUM(3));
	Datum result = ToDatum(object.End());
	const pg::Spi::Parameter parameters[] = {
		{BOOLOID, BoolGetDatum(differing == 0)}, {INT8OID, PG_GETARG_DATUM(1)}, {JSONBOID, result}};
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi().Execute(log_plan, kLog, parameters);
	return result;
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(verify_piece);

PGDLLEXPORT Datum
verify_piece(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return VerifyPiece(fcinfo); });
}

PG_FUNCTION_INFO_V1(verified);

PGDLLEXPORT Datum
verified(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return Verified(fcinfo); });
}

} // extern "C"

} // namespace txsync::api
