#include "pg/spi.h"

#include <exception>

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
}

namespace txsync::pg {

Spi::Spi()
	: outer_(CurrentMemoryContext)
{
	Call([] {
		if (SPI_connect() != SPI_OK_CONNECT)
			elog(ERROR, "could not connect to SPI");
	});
}

Spi::~Spi()
{
	if (std::uncaught_exceptions() == 0)
		SPI_finish();
	else
		MemoryContextSwitchTo(outer_);
}

uint64_t
Spi::Execute(const std::string &sql)
{
	return Call([&] {
		int result = SPI_execute(sql.c_str(), false, 0);
		if (result < 0)
			elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
		return SPI_processed;
	});
}

void
Spi::Prepare(SPIPlanPtr &plan, const char *sql, std::span<const Parameter> parameters, Planned planned)
{
	Call([&] {
		auto *types = static_cast<Oid *>(palloc(sizeof(Oid) * parameters.size()));
		for (size_t i = 0; i < parameters.size(); i++)
			types[i] = parameters[i].type;
		int options = planned == Planned::kGeneric ? CURSOR_OPT_GENERIC_PLAN : 0;
		SPIPlanPtr fresh = SPI_prepare_cursor(sql, static_cast<int>(parameters.size()), types, options);
		if (fresh == nullptr || SPI_keepplan(fresh) != 0)
			elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
		plan = fresh;
	});
}

uint64_t
Spi::Execute(SPIPlanPtr &plan, const char *sql, std::span<const Parameter> parameters, Planned planned, int64_t limit)
{
	if (plan == nullptr)
		Prepare(plan, sql, parameters, planned);
	return Call([&] {
		auto *values = static_cast<Datum *>(palloc(sizeof(Datum) * parameters.size()));
		auto *nulls = static_cast<char *>(palloc(parameters.size() + 1));
		for (size_t i = 0; i < parameters.size(); i++) {
			values[i] = parameters[i].value;
			nulls[i] = parameters[i].null ? 'n' : ' ';
		}
		int result = SPI_execute_plan(plan, values, nulls, false, limit);
		if (result < 0)
			elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
		return SPI_processed;
	});
}

uint64_t
Spi::ExecuteNow(SPIPlanPtr &plan, const char *sql)
{
	if (plan == nullptr)
		Prepare(plan, sql, {}, Planned::kAsServerLikes);
	return Call([&] {
		int result = SPI_execute_snapshot(plan, nullptr, nullptr, GetLatestSnapshot(), InvalidSnapshot, true, false, 0);
		if (result < 0)
			elog(ERROR, "SPI_execute_snapshot failed: %s", SPI_result_code_string(result));
		return SPI_processed;
	});
}

std::optional<std::string>
Spi::Value(int column)
{
	const char *text = Call([&] { return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column); });
	return text != nullptr ? std::optional<std::string>(text) : std::nullopt;
}

std::string
QuoteIdentifier(const char *name)
{
	return Call([&] { return quote_identifier(name); });
}

std::string
QuoteLiteral(std::string_view text)
{
	return Call([&] { return quote_literal_cstr(pnstrdup(text.data(), text.size())); });
}

std::string
QualifiedName(Oid relation)
{
	return Call([&] {
		const char *name = get_rel_name(relation);
		if (name == nullptr)
			ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", relation)));
		return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), name);
	});
}

Oid
OwnerOf(Oid relation)
{
	return Call([&] {
		HeapTuple row = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
		if (!HeapTupleIsValid(row))
			ereport(ERROR, (errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", relation)));
		Oid owner = reinterpret_cast<Form_pg_class>(GETSTRUCT(row))->relowner;
		ReleaseSysCache(row);
		return owner;
	});
}

RoleScope::RoleScope(Oid role, int more)
{
	settings_.SetSafePath();
	GetUserIdAndSecContext(&role_, &security_context_);
	SetUserIdAndSecContext(role,
						   security_context_ | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION | more);
}

RoleScope::~RoleScope()
{
	SetUserIdAndSecContext(role_, security_context_);
}

} // namespace txsync::pg
