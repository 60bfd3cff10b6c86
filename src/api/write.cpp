#include "api/write.h"

#include "api/errors.h"
#include "api/operation.h"
#include "api/table.h"
#include "pg/memory.h"
#include "pg/subtransaction.h"
#include "pg/trigger.h"

extern "C" {
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
}

namespace txsync::api {

namespace {

using Kind = core::JsonbEntry::Kind;

// ---- What the caller may read

// InvalidAttrNumber: all of them.
bool
HasSelect(Oid relation, AttrNumber column)
{
	return pg::Call([&] {
		return column == InvalidAttrNumber
				   ? pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) == ACLCHECK_OK
				   : pg_attribute_aclcheck(relation, column, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
	});
}

// The columns, as part of a plan's key.
class Readable
{
public:
	explicit Readable(Target &target)
		: all_(HasSelect(target.entity->relation, InvalidAttrNumber))
	{
		if (all_)
			return;
		for (const Column &column : target.columns) {
			if (HasSelect(target.entity->relation, column.number))
				columns_ += std::to_string(column.number) + ',';
		}
	}

	bool
	Has(const Column &column) const
	{
		return all_ || (',' + columns_).find(',' + std::to_string(column.number) + ',') != std::string::npos;
	}

	std::string
	Key() const
	{
		return all_ ? "*" : columns_;
	}

private:
	bool all_;
	std::string columns_;
};

// The entity as jsonb, without what `is_part` leaves out.
template <class IsPart>
std::string
EntityExpression(Target &target, IsPart is_part)
{
	constexpr int kMaxMembers = FUNC_MAX_ARGS / 2;
	std::string sql;
	int members = 0;
	for (const Column &column : target.columns) {
		if (!is_part(column))
			continue;
		if (members % kMaxMembers == 0)
			sql += members == 0 ? "pg_catalog.jsonb_build_object("
								: ") OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object(";
		else
			sql += ", ";
		sql += pg::QuoteLiteral(column.name) + ", t." + column.sql;
		members++;
	}
	return members == 0 ? "NULL::pg_catalog.jsonb" : sql + ")";
}

bool
KnowsVersions(Target &target, const Readable &readable)
{
	Column *versions = target.Find(pg::kVersionsColumn);
	return versions != nullptr && readable.Has(*versions);
}

std::string
Returning(Target &target, const Readable &readable)
{
	std::string sql = " RETURNING ";
	sql += EntityExpression(target, [&](const Column &column) { return column.is_told && readable.Has(column); });
	return sql + (KnowsVersions(target, readable) ? ", t.tx_versions" : ", NULL::pg_catalog.bytea");
}

// ---- Running a statement

Written
Run(SPIPlanPtr &plan, const std::string &sql, std::span<const pg::Spi::Parameter> parameters)
{
	MemoryContext context = CurrentMemoryContext;
	pg::Spi spi;
	Written written;
	written.found = spi.Execute(plan, sql.c_str(), parameters) > 0;
	if (!written.found || SPI_tuptable == nullptr)
		return written;
	auto value = [&](int column) -> std::optional<Datum> {
		bool null = true;
		Datum datum = pg::Call([&] {
			Datum stored = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column, &null);
			MemoryContext inner = MemoryContextSwitchTo(context);
			Datum copy = null ? 0 : PointerGetDatum(PG_DETOAST_DATUM_COPY(stored));
			MemoryContextSwitchTo(inner);
			return copy;
		});
		return null ? std::nullopt : std::optional<Datum>(datum);
	};
	written.entity = value(1);
	written.versions = value(2);
	return written;
}

// ---- Creating

// A column and its value, one of a new row's.
struct Part
{
	const Column *column;
	bool nests;
};

// That data gives an id column as well is no harm, if it says the same.
void
RequireSameId(const IdReader &ids, const Column &column, const core::JsonbEntry &value, const EntityKey &id,
			  size_t part)
{
	bool has_text = value.kind != Kind::kContainer && value.kind != Kind::kNull;
	std::string text = has_text ? TextOf(value) : std::string();
	if (value.kind == Kind::kNumeric) { // 1.0 is 1
		text = pg::Call([&] {
			Datum number = PointerGetDatum(const_cast<char *>(value.bytes.data()));
			return DatumGetCString(DirectFunctionCall1(numeric_out, DirectFunctionCall1(numeric_trim_scale, number)));
		});
	}
	if (!has_text || (text != id.given[part] && ids.Spelled(part, text) != id.texts[part]))
		throw Fail(errors::kInvalidOp, "data has another " + Quoted(column.name) + " than the entityId",
				   {{"member", "data"}});
}

std::string
InsertStatement(Target &target, const Readable &readable, const std::vector<Part> &parts)
{
	std::string columns;
	std::string values;
	int parameter = 0;
	for (const Part &part : parts) {
		columns += (parameter == 0 ? "" : ", ") + part.column->sql;
		values += parameter == 0 ? "" : ", ";
		values += part.column->input.Expression(++parameter, part.nests);
	}
	std::string sql = "INSERT INTO " + target.entity->table + " AS t (" + columns + ") VALUES (" + values + ")";
	// Under row security RETURNING would refuse a row that the caller may write, but not read.
	return target.has_row_security ? sql : sql + Returning(target, readable);
}

} // namespace

bool
MayRead(const Target &target, const Column &column)
{
	return HasSelect(target.entity->relation, InvalidAttrNumber) || HasSelect(target.entity->relation, column.number);
}

Written
Create(Target &target, const core::Op &op)
{
	Readable readable(target);
	std::string form = "c" + readable.Key();
	EntityKey id = target.entity->ids.Read(op.entity_id);
	std::vector<pg::Spi::Parameter> parameters = id.values;
	std::vector<Part> parts;
	for (Column *column : target.id_columns)
		parts.push_back({column, false});

	core::JsonbContainer data(op.data);
	auto names = data.First();
	auto values = data.Values();
	for (uint32_t i = 0; i < data.Count(); i++) {
		std::string_view name = names.Next().bytes;
		core::JsonbEntry value = values.Next();
		if (Column *column = target.Find(name); column != nullptr && column->is_id) {
			auto at = std::find(target.id_columns.begin(), target.id_columns.end(), column);
			RequireSameId(target.entity->ids, *column, value, id, static_cast<size_t>(at - target.id_columns.begin()));
			continue;
		}
		Column &column = target.Settable(name);
		bool nests = column.input.Nests(value);
		form += (nests ? 'n' : 'v') + std::to_string(column.number);
		parts.push_back({&column, nests});
		parameters.push_back(column.input.Read(value));
	}
	SPIPlanPtr &plan = target.entity->Plan(form);
	std::string sql = plan == nullptr ? InsertStatement(target, readable, parts) : std::string();
	Written written = Run(plan, sql, parameters);
	written.knows_versions = !target.has_row_security && KnowsVersions(target, readable);
	return written;
}

Written
Update(Target &target, Column &column, const core::Op &op)
{
	const Entity &entity = *target.entity;
	Readable readable(target);
	Assignment assignment = Assign(op, column);
	std::vector<pg::Spi::Parameter> parameters = entity.ids.Read(op.entity_id).values;
	parameters.insert(parameters.end(), assignment.parameters.begin(), assignment.parameters.end());
	SPIPlanPtr &plan = entity.Plan('u' + readable.Key() + assignment.form + std::to_string(column.number));
	std::string sql;
	if (plan == nullptr)
		sql = "UPDATE " + entity.table + " AS t SET " + column.sql + " = " +
			  Expression(op, column, entity.ids.Parameters() + 1) + " WHERE " + entity.ids.Condition() +
			  Returning(target, readable);
	Written written = Run(plan, sql, parameters);
	written.knows_versions = KnowsVersions(target, readable);
	return written;
}

Written
Delete(Target &target, const core::Op &op)
{
	const Entity &entity = *target.entity;
	Readable readable(target);
	SPIPlanPtr &plan = entity.Plan("d" + readable.Key());
	std::string sql;
	if (plan == nullptr) {
		// What a create would take.
		auto is_part = [&](const Column &column) {
			return readable.Has(column) && (column.is_id || column.protection == nullptr);
		};
		sql = "DELETE FROM " + entity.table + " AS t WHERE " + entity.ids.Condition() + " RETURNING " +
			  EntityExpression(target, is_part) + ", NULL::pg_catalog.bytea";
	}
	EntityKey id = entity.ids.Read(op.entity_id);
	return Run(plan, sql, id.values);
}

void
CheckDeferred()
{
	// The transaction's constraints stay as deferred as they are, and what fires now fires again at its end.
	pg::InVain([] {
		pg::Call([] {
			ConstraintsSetStmt *all = makeNode(ConstraintsSetStmt);
			AfterTriggerSetState(all);
		});
	});
}

} // namespace txsync::api
