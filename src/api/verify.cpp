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
#include "api/try_read.h"
#include "core/json.h"
#include "core/nullable.h"
#include "pg/entry.h"
#include "pg/memory.h"

#include <algorithm>

extern "C" {
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "utils/timestamp.h"
}

namespace txsync::api {

namespace {

// How often an entity is looked at that changes all the time. Each time is a comparison of its own.
constexpr int kTries = 20;

// So many differences are in the result.
constexpr size_t kMostTold = 1000;

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
	std::vector<std::vector<HeldRow>> rows(ids.size()); // none of what is no id of the table's any more
	Keys read = ReadKeys(entity.ids, std::vector<std::string_view>(ids.begin(), ids.end()));
	for (size_t i = 0; i < read.keys.size(); i++) {
		pg::CheckForInterrupts();
		rows[read.places[i]] = FindRows(entity, read.keys[i]);
	}
	std::vector<Difference> differences;
	for (size_t i = 0; i < ids.size(); i++) {
		if (!Agree(words[i], rows[i]))
			differences.push_back({ids[i], words[i], std::move(rows[i])});
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

// ---- As JSON

void
Write(core::Buffer &out, const std::optional<std::string> &organization, int64_t row_version)
{
	out.Append("{\"organizationId\":");
	core::json::StringOrNull(out, core::ViewOf(organization));
	out.Append(",\"rowVersion\":");
	if (row_version > 0)
		core::json::Integer(out, row_version);
	else
		out.Append("null");
	out.Append('}');
}

void
Write(core::Buffer &out, const Difference &difference)
{
	out.Append("{\"entityId\":");
	core::json::String(out, difference.id);
	out.Append(",\"table\":");
	if (difference.rows.empty())
		out.Append("null");
	else
		Write(out, difference.rows.front().organization, difference.rows.front().row_version);
	out.Append(",\"changelog\":");
	if (difference.word.exists)
		Write(out, difference.word.organization, difference.word.row_version);
	else
		out.Append("null");
	out.Append('}');
}

// ---- The way through table and changelog

// Kept between the procedure's transactions, where nobody else can say that something was verified.
struct Verification
{
	Oid relation = InvalidOid;
	bool in_table = true;
	Place place;
	int64_t activity = 0;
	bool is_over = false;

	int64_t entities = 0; // that the table has
	int64_t differing = 0;
	std::string differences; // JSON, the first of them, each behind a comma
};

constinit Verification *verification = nullptr;

// The session's own, of this table.
Verification &
TheVerification(Oid relation)
{
	if (verification == nullptr || verification->relation != relation)
		throw pg::Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						  "this session is not verifying table " + pg::QualifiedName(relation),
						  {},
						  "CALL txsync.verify(" + pg::QuoteLiteral(pg::QualifiedName(relation)) + ");"};
	return *verification;
}

void
Note(Verification &to, const std::vector<Difference> &differences)
{
	core::Buffer json;
	for (const Difference &difference : differences) {
		if (static_cast<size_t>(to.differing++) >= kMostTold)
			continue;
		json.Append(',');
		Write(json, difference);
	}
	to.differences += json.View();
}

void
VerifyTable(const Entity &entity, Verification &to)
{
	std::optional<Piece> piece = NextPiece(entity.relation, to.place);
	to.in_table = piece.has_value();
	if (!piece)
		return;
	std::vector<std::string> ids;
	for (HeldRow &row : ReadRows(entity, *piece))
		ids.push_back(std::move(row.id));
	to.entities += static_cast<int64_t>(ids.size());
	std::vector<LastWord> words = LastWords(entity.tracking.entity_type, ids);
	size_t at = 0;
	std::erase_if(ids, [&](const std::string &) {
		const LastWord &word = words[at++];
		return word.exists || word.may_be_forgotten;
	});
	Note(to, Confirm(entity, std::move(ids)));
}

void
VerifyChangelog(const Entity &entity, Verification &to)
{
	Note(to, Confirm(entity, Existing(entity.tracking.entity_type, to.activity)));
	to.is_over = to.activity == 0;
}

// (relation regclass, first boolean): false at the end.
bool
VerifyPiece(FunctionCallInfo fcinfo)
{
	Require(fcinfo, 0, "relation");
	Require(fcinfo, 1, "first");
	Oid relation = PG_GETARG_OID(0);
	std::shared_ptr<const Entity> entity = EntityInPieces(relation, "txsync.verify()");
	if (verification == nullptr)
		verification = pg::Construct<Verification>(TopMemoryContext);
	if (PG_GETARG_BOOL(1)) {
		*verification = {};
		verification->relation = relation;
	}
	Verification &now = TheVerification(relation);
	if (now.in_table)
		VerifyTable(*entity, now);
	else if (!now.is_over)
		VerifyChangelog(*entity, now);
	return !now.is_over;
}

constexpr char kLog[] =
	"INSERT INTO txsync.sync_log (sync_type, status, code, records_synced, detail) VALUES ('verify',"
	" CASE WHEN $1 THEN 'OK' ELSE 'ERROR' END, CASE WHEN $1 THEN 'VERIFIED' ELSE 'DIFFERENCES' END, $2, $3)";

constinit SPIPlanPtr log_plan = nullptr;

// (relation regclass): the result of all pieces.
Datum
Verified(FunctionCallInfo fcinfo)
{
	Require(fcinfo, 0, "relation");
	Oid relation = PG_GETARG_OID(0);
	std::shared_ptr<const Entity> entity = EntityInPieces(relation, "txsync.verify()");
	Verification &done = TheVerification(relation);
	if (!done.is_over)
		throw pg::Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, "verify() has not come to its end"};
	JsonObject object;
	object.Text("entityType", entity->tracking.entity_type);
	object.Integer("entities", done.entities);
	object.Integer("differing", done.differing);
	object.Json("differences", ToDatum('[' + done.differences.substr(done.differences.empty() ? 0 : 1) + ']'));
	Datum result = ToDatum(object.End());
	const pg::Spi::Parameter parameters[] = {
		{BOOLOID, BoolGetDatum(done.differing == 0)}, {INT8OID, Int64GetDatum(done.entities)}, {JSONBOID, result}};
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi().Execute(log_plan, kLog, parameters);
	done = {};
	return result;
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(verify_piece);

PGDLLEXPORT Datum
verify_piece(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return BoolGetDatum(VerifyPiece(fcinfo)); });
}

PG_FUNCTION_INFO_V1(verified);

PGDLLEXPORT Datum
verified(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return Verified(fcinfo); });
}

} // extern "C"

} // namespace txsync::api
