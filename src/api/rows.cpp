#include "api/rows.h"

#include "api/described.h"
#include "api/try_read.h"
#include "core/json.h"
#include "core/jsonb.h"
#include "pg/image.h"
#include "pg/malloc.h"
#include "pg/memory.h"
#include "pg/subtransaction.h"

#include <algorithm>

extern "C" {
#include "access/htup_details.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
}

namespace txsync::api {

namespace {

// What a statement gives of each row, in this order.
enum Member
{
	kData,
	kOrganization,
	kTx,
	kVersions,
	kMembers,
};

enum class Content : bool
{
	kNone, // data is null: no record can hold it
	kAll,
};

// For a statement with From(). The data is a record, to be written as JSON later: with the settings that policies see
// no value would be told as it is in the stream. It is spelled so that no column of that name is meant.
std::string
Members(const Entity &entity, const Readable &readable, Content content)
{
	bool has_versions = entity.tracking.tx && MayReadVersions(entity);
	return std::string(content == Content::kAll ? "d.*::pg_catalog.record, " : "NULL::pg_catalog.int4, ") +
		   (readable.HasOrganization() ? "t." + pg::QuoteIdentifier(entity.tracking.org_column.c_str()) : "NULL") +
		   (has_versions ? ", t.tx, t.tx_versions" : ", NULL::pg_catalog.jsonb, NULL::pg_catalog.bytea");
}

std::string
From(const Entity &entity, const Readable &readable)
{
	return " FROM " + entity.rows + " t, LATERAL (SELECT " + readable.List() + ") d WHERE ";
}

// The statement has OFFSET 0 so that each id is looked up, by an index, however many rows the planner thinks of.
std::string
StatementForIds(const Entity &entity, const Readable &readable, Content content)
{
	std::string arrays;
	std::string names;
	for (int i = 1; i <= entity.ids.Parameters(); i++) {
		arrays += (i > 1 ? ", pg_catalog.unnest($" : "pg_catalog.unnest($") + std::to_string(i) + ")";
		names += "k" + std::to_string(i) + ", ";
	}
	return "SELECT r.*, k.n FROM ROWS FROM (" + arrays + ") WITH ORDINALITY AS k(" + names + "n), LATERAL (SELECT " +
		   Members(entity, readable, content) + From(entity, readable) + entity.ids.JoinCondition() + " OFFSET 0) r";
}

// The limit is in the statement, so that the planner knows that few are wanted.
std::string
StatementForNext(const Entity &entity, const Readable &readable, Content content, bool begins)
{
	const std::string &order = entity.ids.Columns();
	return "SELECT " + Members(entity, readable, content) + ", " + order + From(entity, readable) +
		   (begins ? "true" : entity.ids.BehindCondition()) + " ORDER BY " + order + " LIMIT 1001";
}

// A text, jsonb or bytea without its length word.
std::string_view
Bytes(Datum value)
{
	return pg::Call([&] { return pg::BytesOf(PG_DETOAST_DATUM(value)); });
}

// As the stream has it, as far as that is in the settings.
std::string_view
DataText(Datum record)
{
	pg::PinnedScope pinned(true);
	return Bytes(pg::Call([&] { return DirectFunctionCall1(row_to_json, record); }));
}

// As the decoder writes it.
std::string_view
OrganizationText(Oid type, Datum value)
{
	pg::PinnedScope pinned(!pg::IsSettled(type));
	return pg::Call([&] {
		Oid function = InvalidOid;
		bool varlena = false;
		getTypeOutputInfo(type, &function, &varlena);
		return std::string_view(OidOutputFunctionCall(function, value));
	});
}

std::string_view
VersionsText(const Entity &entity, const Readable &readable, const Datum *values, const bool *nulls)
{
	State state;
	state.exists = true;
	core::Tx tx;
	std::string_view versions = nulls[kVersions] ? std::string_view() : Bytes(values[kVersions]);
	state.has_versions = versions.data() != nullptr && core::Versions::Parse(versions).has_value();
	if (state.has_versions)
		state.versions = versions;
	else if (!nulls[kTx] && core::ReadTx(Bytes(values[kTx]), tx) == nullptr)
		state.creator = tx.transaction_id;
	core::Buffer json;
	WriteVersions(json, entity, state, [&](std::string_view column) { return readable.Tells(column); });
	return pg::Call([&] {
		std::string_view text = json.View();
		return std::string_view(pnstrdup(text.data(), text.size()), text.size());
	});
}

// The row of a result, whose first columns are the members. In the context that is current.
class Result
{
public:
	Result(SPITupleTable *results, uint64_t row)
		: desc_(results->tupdesc)
		, values_(static_cast<size_t>(desc_->natts))
		, nulls_(std::make_unique<bool[]>(static_cast<size_t>(desc_->natts)))
	{
		pg::Call([&] { heap_deform_tuple(heap_copytuple(results->vals[row]), desc_, values_.data(), nulls_.get()); });
	}

	Row
	AsRow(const Entity &entity, const Readable &readable, bool with_versions) const
	{
		Row row;
		row.exists = true;
		if (!nulls_[kData])
			row.data = DataText(values_[kData]);
		if (!nulls_[kOrganization])
			row.organization = OrganizationText(TupleDescAttr(desc_, kOrganization)->atttypid, values_[kOrganization]);
		if (with_versions)
			row.versions = VersionsText(entity, readable, values_.data(), nulls_.get());
		return row;
	}

	// What the statement gives beside the members.
	std::span<const Datum>
	Others() const
	{
		return std::span(values_).subspan(kMembers);
	}

private:
	TupleDesc desc_;
	std::vector<Datum> values_;
	std::unique_ptr<bool[]> nulls_;
};

// That the statement did not read what has got the table's name since.
void
RequireSameName(const Entity &entity)
{
	pg::Call([] { AcceptInvalidationMessages(); });
	if (pg::QualifiedName(entity.relation) != entity.table)
		throw pg::Failure{ERRCODE_T_R_SERIALIZATION_FAILURE,
						  "table " + entity.table + " was renamed while it was read",
						  {},
						  "Try again."};
}

// False if something became larger than the server can hold, of which nothing has remained then.
bool
Holds(const std::function<void()> &read)
{
	try {
		pg::InSubtransaction(read);
		return true;
	} catch (const pg::Error &error) {
		if (!error.IsTooLarge())
			throw;
		return false;
	}
}

// The table's name is not found.
bool
IsOfTable(int sqlstate)
{
	return sqlstate == ERRCODE_UNDEFINED_TABLE || sqlstate == ERRCODE_INVALID_SCHEMA_NAME;
}

// The type of an id cannot be compared, or not by the caller. All else is an error: of a policy, for instance.
bool
IsOfIds(int sqlstate)
{
	static constexpr int kIts[] = {ERRCODE_INSUFFICIENT_PRIVILEGE, ERRCODE_UNDEFINED_FUNCTION,
								   ERRCODE_AMBIGUOUS_FUNCTION,     ERRCODE_UNDEFINED_OBJECT,
								   ERRCODE_DATATYPE_MISMATCH,      ERRCODE_CANNOT_COERCE,
								   ERRCODE_COLLATION_MISMATCH,     ERRCODE_INDETERMINATE_COLLATION};
	return std::ranges::find(kIts, sqlstate) != std::end(kIts);
}

// One for each key, in their order.
std::vector<Row>
FindRows(const Entity &entity, const Readable &readable, std::span<const EntityKey> keys, Content content)
{
	std::string sql = StatementForIds(entity, readable, content);
	std::vector<pg::Spi::Parameter> arrays = entity.ids.Arrays(keys);
	bool with_versions = entity.tracking.tx && MayReadVersions(entity);
	std::vector<Row> rows(keys.size());
	MemoryContext context = CurrentMemoryContext;
	pg::Spi spi;
	uint64_t count = spi.Execute(entity.Plan(sql), sql.c_str(), arrays, pg::Spi::Planned::kGeneric);
	SPITupleTable *results = SPI_tuptable;
	pg::ContextScope scope(context);
	for (uint64_t i = 0; i < count; i++) {
		Result result(results, i);
		rows[static_cast<size_t>(DatumGetInt64(result.Others()[0])) - 1] =
			result.AsRow(entity, readable, with_versions);
	}
	RequireSameName(entity);
	return rows;
}

std::vector<NamedRow>
FindBehind(const Entity &entity, const Readable &readable, const std::optional<std::string> &id, int64_t limit,
		   Content content)
{
	std::string sql = StatementForNext(entity, readable, content, !id);
	std::vector<pg::Spi::Parameter> parameters;
	if (id)
		parameters = entity.ids.Read(*id).values;
	bool with_versions = entity.tracking.tx && MayReadVersions(entity);
	MemoryContext context = CurrentMemoryContext;
	pg::Spi spi;
	uint64_t count = spi.Execute(entity.Plan(sql), sql.c_str(), parameters, pg::Spi::Planned::kGeneric, limit);
	SPITupleTable *results = SPI_tuptable;
	pg::ContextScope scope(context);
	std::vector<NamedRow> rows;
	for (uint64_t i = 0; i < count; i++) {
		Result result(results, i);
		rows.push_back({entity.ids.IdOf(result.Others()), result.AsRow(entity, readable, with_versions)});
	}
	RequireSameName(entity);
	return rows;
}

} // namespace

CanRead
CanReadRows(const Entity &entity, const Readable &readable)
{
	if (!entity.ids.CanRead())
		return CanRead::kNo;
	std::string sql = StatementForIds(entity, readable, Content::kAll);
	SPIPlanPtr &plan = entity.Plan(sql);
	if (plan != nullptr)
		return CanRead::kYes;
	auto prepare = [&] {
		pg::Spi spi;
		spi.Prepare(plan, sql.c_str(), entity.ids.Arrays({}), pg::Spi::Planned::kGeneric);
	};
	auto is_of_names = [](int sqlstate) { return IsOfTable(sqlstate) || IsOfIds(sqlstate); };
	int error = TryRead(prepare, is_of_names);
	return error == 0 ? CanRead::kYes : IsOfTable(error) ? CanRead::kByAnotherName : CanRead::kNo;
}

std::vector<Row>
ReadRows(const Entity &entity, const Readable &readable, std::span<const std::string_view> ids)
{
	pg::KeepFreedMemory();
	std::vector<Row> rows(ids.size());
	Keys read = ReadKeys(entity.ids, ids);
	auto find = [&](size_t from, size_t count, Content content) {
		std::vector<Row> found = FindRows(entity, readable, std::span(read.keys).subspan(from, count), content);
		for (size_t i = 0; i < count; i++)
			rows[read.places[from + i]] = found[i];
	};
	if (read.keys.empty() || Holds([&] { find(0, read.keys.size(), Content::kAll); }))
		return rows;
	for (size_t i = 0; i < read.keys.size(); i++) {
		if (!Holds([&] { find(i, 1, Content::kAll); }))
			find(i, 1, Content::kNone);
	}
	return rows;
}

std::vector<NamedRow>
RowsBehind(const Entity &entity, const Readable &readable, const std::optional<std::string> &id, int64_t limit)
{
	std::vector<NamedRow> rows;
	if (Holds([&] { rows = FindBehind(entity, readable, id, limit, Content::kAll); }))
		return rows;
	rows = FindBehind(entity, readable, id, limit, Content::kNone);
	std::vector<std::string_view> ids;
	for (const NamedRow &row : rows)
		ids.push_back(row.id);
	std::vector<Row> whole = ReadRows(entity, readable, ids);
	for (size_t i = 0; i < rows.size(); i++) {
		if (whole[i].exists)
			rows[i].row = whole[i];
	}
	return rows;
}

void
Write(core::Buffer &out, const Row &row, const Fits &fits)
{
	out.Append("\"organizationId\":");
	core::json::StringOrNull(out, row.organization);
	bool told = row.data.data() != nullptr && fits(row.data);
	out.Append(",\"data\":");
	out.Append(told ? row.data : "null");
	if (row.exists && !told)
		out.Append(",\"truncated\":true");
}

} // namespace txsync::api
