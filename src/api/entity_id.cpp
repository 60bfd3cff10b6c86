#include "api/entity_id.h"

#include "api/errors.h"
#include "api/user_domain.h"
#include "core/json.h"
#include "core/jsonb.h"
#include "pg/compat.h"
#include "pg/image.h"
#include "pg/memory.h"

extern "C" {
#include "access/htup_details.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
}

namespace txsync::api {

namespace {

// The operator that unique indexes on the type go by, unless they were told another.
Oid
OperatorOf(Oid type, char which)
{
	const TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_EQ_OPR | TYPECACHE_GT_OPR);
	return which == '=' ? entry->eq_opr : entry->gt_opr;
}

// Casts that whoever owns a type makes implicit may leave open which operator a name stands for.
bool
HasImplicitCasts(Oid type)
{
	CatCList *casts = SearchSysCacheList1(CASTSOURCETARGET, ObjectIdGetDatum(type));
	bool has = false;
	for (int i = 0; i < casts->n_members; i++) {
		auto *cast = reinterpret_cast<Form_pg_cast>(GETSTRUCT(&casts->members[i]->tuple));
		has = has || cast->castcontext == COERCION_CODE_IMPLICIT;
	}
	ReleaseSysCacheList(casts);
	return has;
}

// `OPERATOR(schema.=)`; empty where its name is not enough.
std::string
NameOf(Oid type, char which)
{
	return pg::Call([&]() -> const char * {
		HeapTuple row = SearchSysCache1(OPEROID, ObjectIdGetDatum(OperatorOf(type, which)));
		if (!HeapTupleIsValid(row)) // the statement will say that there is none
			return psprintf("OPERATOR(pg_catalog.%c)", which);
		auto *form = reinterpret_cast<Form_pg_operator>(GETSTRUCT(row));
		const char *schema = get_namespace_name(form->oprnamespace);
		const char *sql = psprintf("OPERATOR(%s.%s)", quote_identifier(schema != nullptr ? schema : "pg_catalog"),
								   NameStr(form->oprname));
		if (IsPolymorphicType(form->oprleft) && HasImplicitCasts(type))
			sql = "";
		ReleaseSysCache(row);
		return sql;
	});
}

// Where the operator's name is not enough its function is called, for which no index is used.
std::string
Comparison(Oid type, char which, const std::string &column, const std::string &value)
{
	std::string name = NameOf(type, which);
	if (!name.empty())
		return column + ' ' + name + ' ' + value;
	std::string function = pg::Call([&] {
		Oid oid = get_opcode(OperatorOf(type, which));
		return quote_qualified_identifier(get_namespace_name(get_func_namespace(oid)), get_func_name(oid));
	});
	return function + '(' + column + ", " + value + ')';
}

pg::Spi::Parameter
ArrayOf(Oid type, std::span<Datum> values)
{
	Oid array = get_array_type(type);
	if (!OidIsValid(array))
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
						errmsg("could not find array type for data type %s", format_type_be(type))));
	int16 size = 0;
	bool by_value = false;
	char align = 0;
	get_typlenbyvalalign(type, &size, &by_value, &align);
	ArrayType *all = construct_array(values.data(), static_cast<int>(values.size()), type, size, by_value, align);
	return {array, PointerGetDatum(all)};
}

char *
CString(std::string_view text)
{
	return pnstrdup(text.data(), text.size());
}

} // namespace

IdReader::IdReader(const Table &table, const core::Tracking &tracking)
	: entity_type_(tracking.entity_type)
	, context_(pg::MakeContext(TopMemoryContext, "txsync entity"))
{
	columns_.reserve(tracking.id_columns.size()); // what functions keep points to them
	for (const std::string &name : tracking.id_columns) {
		table.RequireColumn(name);
		Column &column = columns_.emplace_back();
		Describe(column, table.Column(name), context_.get());
		settled_ = settled_ && pg::IsSettled(column.type);
		can_read_ = can_read_ && !HasUserDomain(column.type);
		std::string sql = "t." + pg::QuoteIdentifier(name.c_str());
		std::string number = std::to_string(Parameters());
		std::string_view conjunction = Parameters() > 1 ? " AND " : "";
		condition_.append(conjunction) += Comparison(column.type, '=', sql, "$" + number);
		join_condition_.append(conjunction) += Comparison(column.type, '=', sql, "k.k" + number);
		list_ += (Parameters() > 1 ? ", " : "") + sql;
	}
	behind_condition_ = Behind(tracking.id_columns);
}

// A comparison of rows, for which there are indexes, wants one name of an operator for all columns.
std::string
IdReader::Behind(const std::vector<std::string> &names) const
{
	std::string greater = NameOf(columns_[0].type, '>');
	bool same = !greater.empty();
	std::string parameters;
	std::string nested;
	for (size_t i = names.size(); i-- > 0;) {
		Oid type = columns_[i].type;
		std::string column = "t." + pg::QuoteIdentifier(names[i].c_str());
		std::string parameter = "$" + std::to_string(i + 1);
		std::string is_greater = Comparison(type, '>', column, parameter);
		std::string is_equal = Comparison(type, '=', column, parameter);
		same = same && NameOf(type, '>') == greater;
		parameters = parameters.empty() ? parameter : parameter + ", " + parameters;
		nested = nested.empty() ? is_greater : "(" + is_greater + " OR " + is_equal + " AND " + nested + ")";
	}
	return same ? "ROW(" + list_ + ") " + greater + " ROW(" + parameters + ")" : nested;
}

void
IdReader::Describe(Column &column, Form_pg_attribute attribute, MemoryContext context)
{
	pg::Call([&] {
		column = {};
		column.modifier = attribute->atttypmod;
		column.type = getBaseTypeAndTypmod(attribute->atttypid, &column.modifier);
		column.collation = attribute->attcollation;
		Oid function = InvalidOid;
		bool varlena = false;
		getTypeInputInfo(column.type, &function, &column.io_parameter);
		fmgr_info_cxt(function, &column.input, context);
		getTypeOutputInfo(column.type, &function, &varlena);
		fmgr_info_cxt(function, &column.output, context);
		Oid equals = lookup_type_cache(column.type, TYPECACHE_EQ_OPR)->eq_opr;
		if (column.modifier >= 0 && OidIsValid(equals) &&
			find_typmod_coercion_function(column.type, &function) == COERCION_PATH_FUNC) {
			fmgr_info_cxt(function, &column.fit, context);
			fmgr_info_cxt(get_opcode(equals), &column.equals, context);
		}
	});
}

// As the column stores the value: char(3) with its blanks, numeric(5, 2) with its zeros. One that it could not store
// stays as it is, and is not found.
Datum
IdReader::Fit(Column &column, Datum value)
{
	if (!OidIsValid(column.fit.fn_oid))
		return value;
	Datum fitted = FunctionCall3(&column.fit, value, Int32GetDatum(column.modifier), BoolGetDatum(true));
	bool same = DatumGetBool(FunctionCall2Coll(&column.equals, column.collation, value, fitted));
	return same ? fitted : value;
}

std::vector<std::string>
IdReader::PartsOf(std::string_view entity_id) const
{
	if (columns_.size() == 1)
		return {std::string(entity_id)};
	std::optional<std::vector<std::string_view>> parts;
	if (pg::Call([&] { return pg::IsJson(entity_id, GetDatabaseEncoding()); })) {
		Jsonb *jsonb = pg::Call(
			[&] { return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(CString(entity_id)))); });
		parts = core::TextsOf(core::JsonbContainer(pg::BytesOf(jsonb)));
	}
	if (!parts || parts->size() != columns_.size())
		throw Fail(errors::kInvalidEntityId,
				   "the id of an entity of type " + Quoted(entity_type_) + " is a JSON array of " +
					   std::to_string(columns_.size()) + " texts",
				   {{"entityType", entity_type_}, {"entityId", entity_id}},
				   "Its columns' values, in the order of the id: as txsync tells it.");
	return {parts->begin(), parts->end()};
}

Datum
IdReader::ValueOf(Column &column, std::string_view text) const
{
	if (!can_read_)
		throw pg::Failure{ERRCODE_FEATURE_NOT_SUPPORTED,
						  "ids of entity type " + Quoted(entity_type_) + " cannot be read",
						  "Their type has a domain within it, whose constraints are its owner's code."};
	return pg::Call(
		[&] { return Fit(column, InputFunctionCall(&column.input, CString(text), column.io_parameter, -1)); });
}

std::string
IdReader::Spelled(size_t column, std::string_view text) const
{
	pg::PinnedScope pinned(!settled_);
	Datum value = ValueOf(columns_[column], text);
	return pg::Call([&] { return OutputFunctionCall(&columns_[column].output, value); });
}

std::vector<pg::Spi::Parameter>
IdReader::Arrays(std::span<const EntityKey> keys) const
{
	std::vector<pg::Spi::Parameter> arrays;
	for (size_t i = 0; i < columns_.size(); i++) {
		std::vector<Datum> values;
		for (const EntityKey &key : keys)
			values.push_back(key.values[i].value);
		arrays.push_back(pg::Call([&] { return ArrayOf(columns_[i].type, values); }));
	}
	return arrays;
}

EntityKey
IdReader::Read(std::string_view entity_id) const
{
	EntityKey key;
	key.given = PartsOf(entity_id);
	pg::PinnedScope pinned(!settled_);
	for (size_t i = 0; i < columns_.size(); i++) {
		Column &column = columns_[i];
		Datum value = ValueOf(column, key.given[i]);
		key.values.push_back({column.type, value});
		key.texts.emplace_back(pg::Call([&] { return OutputFunctionCall(&column.output, value); }));
	}
	key.id = Join(key.texts);
	return key;
}

std::string
IdReader::IdOf(std::span<const Datum> values) const
{
	pg::PinnedScope pinned(!settled_);
	std::vector<std::string> texts;
	for (size_t i = 0; i < columns_.size(); i++)
		texts.emplace_back(pg::Call([&] { return OutputFunctionCall(&columns_[i].output, values[i]); }));
	return Join(texts);
}

std::string
IdReader::Join(std::span<const std::string> texts)
{
	if (texts.size() == 1)
		return texts.front();
	core::Buffer array;
	for (size_t i = 0; i < texts.size(); i++) {
		array.Append(i == 0 ? '[' : ',');
		core::json::String(array, texts[i]);
	}
	array.Append(']');
	return std::string(array.View());
}

} // namespace txsync::api
