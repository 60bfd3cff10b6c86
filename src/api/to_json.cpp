#include "api/to_json.h"

#include "api/user_cast.h"

extern "C" {
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
}

namespace txsync::api {

namespace {

// As SQL would call it for a value of the type.
void
MakeToJsonb(FmgrInfo *function, Oid type, MemoryContext context)
{
	MemoryContext outer = MemoryContextSwitchTo(context);
	fmgr_info_cxt(F_TO_JSONB, function, context);
	Param *value = makeNode(Param);
	value->paramtype = type;
	fmgr_info_set_expr(reinterpret_cast<Node *>(makeFuncExpr(F_TO_JSONB, JSONBOID, list_make1(value), InvalidOid,
															 InvalidOid, COERCE_EXPLICIT_CALL)),
					   function);
	MemoryContextSwitchTo(outer);
}

Datum
TextToJsonb(char *text)
{
	JsonbValue value = {};
	value.type = jbvString;
	value.val.string = {static_cast<int>(strlen(text)), text};
	return JsonbPGetDatum(JsonbValueToJsonb(&value));
}

} // namespace

std::string
Tellable(Oid type, const std::string &value)
{
	return HasUserCast(type)
			   ? "CASE WHEN " + value + " IS NULL THEN NULL ELSE pg_catalog.format('%s', " + value + ") END"
			   : value;
}

std::string
RecordOf(const std::string &tellables)
{
	return tellables.empty() ? "NULL::pg_catalog.record"
							 : "(SELECT d.*::pg_catalog.record FROM (SELECT " + tellables + ") d)";
}

ToJson::ToJson(Oid type, MemoryContext context, bool is_settled)
	: type_(type)
	, is_settled_(is_settled)
	, as_text_(HasUserCast(type))
{
	pg::Call([&] {
		if (!as_text_) {
			MakeToJsonb(&function_, type, context);
			return;
		}
		Oid output = InvalidOid;
		bool varlena = false;
		getTypeOutputInfo(type, &output, &varlena);
		fmgr_info_cxt(output, &function_, context);
	});
}

Datum
ToJson::operator()(Datum value)
{
	pg::PinnedScope pinned(!is_settled_);
	return pg::Call([&] {
		return as_text_ ? TextToJsonb(OutputFunctionCall(&function_, value)) : FunctionCall1(&function_, value);
	});
}

} // namespace txsync::api
