#include "api/rows.h"

#include "api/described.h"
#include "core/jsonb.h"
#include "pg/memory.h"

extern "C" {
#include "access/htup_details.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
}

namespace txsync::api {

namespace {

// What a statement gives of each row, by the number of its column.
enum Member
{
	kPlace,
	kData,
	kOrganization,
	kTx,
	kVersions,
	kMembers,
};

// The statement has OFFSET 0 so that each id is looked up, by an index, however many rows the planner thinks of.
std::string
Statement(const Entity &entity, const Readable &readable)
{
	std::string sql = "SELECT k.n, r.* FROM ROWS FROM (";
	std::string names;
	for (int i = 1; i <= entity.ids.Parameters(); i++) {
		sql += (i > 1 ? ", pg_catalog.unnest($" : "pg_catalog.unnest($") + std::to_string(i) + ")";
		names += "k" + std::to_string(i) + ", ";
	}
	bool has_versions = entity.tracking.tx && MayReadVersions(entity);
	return sql + ") WITH ORDINALITY AS k(" + names + "n), LATERAL (SELECT pg_catalog.to_json(d), " +
		   (readable.HasOrganization() ? "t." + pg::QuoteIdentifier(entity.tracking.org_column.c_str()) : "NULL") +
		   (has_versions ? ", t.tx, t.tx_versions" : ", NULL::pg_catalog.jsonb, NULL::pg_catalog.bytea") + " FROM " +
		   entity.table + " t, LATERAL (SELECT " + readable.List() + ") d WHERE " + entity.ids.JoinCondition() +
		   " OFFSET 0) r";
}

// A text, jsonb or bytea without its length word.
std::string_view
Bytes(Datum value)
{
	return pg::Call([&] {
		auto *bytes = PG_DETOAST_DATUM(value);
		return std::string_view(VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ);
	});
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

// Those of the ids that are ids, each with its place among them.
struct Keys
{
	std::vector<EntityKey> keys;
	std::vector<size_t> places;
};

Keys
ReadKeys(const Entity &entity, std::span<const std::string_view> ids)
{
	Keys read;
	auto add = [&](size_t place) {
		read.keys.push_back(entity.ids.Read(ids[place]));
		read.places.push_back(place);
	};
	bool all = false;
	TryRead([&] {
		for (size_t i = 0; i < ids.size(); i++)
			add(i);
		all = true;
	});
	if (all)
		return read;
	// A column has got another type, or somebody asks for anything.
	read = {};
	for (size_t i = 0; i < ids.size(); i++)
		TryRead([&] { add(i); });
	return read;
}

} // namespace

std::vector<Row>
ReadRows(const Entity &entity, const Readable &readable, std::span<const std::string_view> ids)
{
	std::vector<Row> rows(ids.size());
	Keys read = ReadKeys(entity, ids);
	if (read.keys.empty())
		return rows;
	std::string sql = Statement(entity, readable);
	std::vector<pg::Spi::Parameter> arrays = entity.ids.Arrays(read.keys);
	bool has_versions = entity.tracking.tx && MayReadVersions(entity);
	MemoryContext context = CurrentMemoryContext;
	pg::Spi spi;
	uint64_t count = spi.Execute(entity.Plan(sql), sql.c_str(), arrays, pg::Spi::Planned::kGeneric);
	SPITupleTable *table = SPI_tuptable;
	pg::ContextScope scope(context);
	for (uint64_t i = 0; i < count; i++) {
		Datum values[kMembers];
		bool nulls[kMembers];
		pg::Call([&] { heap_deform_tuple(heap_copytuple(table->vals[i]), table->tupdesc, values, nulls); });
		Row &row = rows[read.places[static_cast<size_t>(DatumGetInt64(values[kPlace])) - 1]];
		row.exists = true;
		row.data = Bytes(values[kData]);
		if (!nulls[kOrganization])
			row.organization =
				OrganizationText(TupleDescAttr(table->tupdesc, kOrganization)->atttypid, values[kOrganization]);
		if (has_versions)
			row.versions = VersionsText(entity, readable, values, nulls);
	}
	return rows;
}

} // namespace txsync::api
