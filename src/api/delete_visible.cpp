#include "api/delete_visible.h"

#include "api/try_read.h"

extern "C" {
#include "catalog/pg_collation.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/rls.h"
}

namespace txsync::api {

namespace {

// The function that a signature names, if the current role may call it; an error if it may not even look.
Oid
CallableFunction(const std::string &signature)
{
	return pg::Call([&] {
		LOCAL_FCINFO(fcinfo, 1);
		InitFunctionCallInfoData(*fcinfo, nullptr, 1, DEFAULT_COLLATION_OID, nullptr, nullptr);
		fcinfo->args[0] = {CStringGetTextDatum(signature.c_str()), false};
		Oid function = DatumGetObjectId(to_regprocedure(fcinfo));
		bool may =
			!fcinfo->isnull && DatumGetBool(DirectFunctionCall2(has_function_privilege_id, ObjectIdGetDatum(function),
																CStringGetTextDatum("EXECUTE")));
		return may ? function : InvalidOid;
	});
}

} // namespace

bool
HoldsRowSecurity(const Entity &entity)
{
	return pg::Call([&] { return check_enable_rls(entity.relation, InvalidOid, false) == RLS_ENABLED; });
}

DeleteVisible::DeleteVisible(const Entity &entity)
{
	const std::string &signature = entity.tracking.delete_visible;
	Oid function = InvalidOid;
	if (!signature.empty())
		TryRead([&] { function = CallableFunction(signature); },
				[](int error) { return error == ERRCODE_INSUFFICIENT_PRIVILEGE; });
	if (OidIsValid(function))
		pg::Call([&] { fmgr_info(function, &function_); });
}

// Null, which a strict function gives without being called, is no yes.
bool
DeleteVisible::Tells(std::string_view entity_id, std::string_view organization)
{
	if (!OidIsValid(function_.fn_oid))
		return false;
	NullableDatum arguments[] = {{TextParameter(entity_id).value, false},
								 {TextParameter(organization).value, organization.data() == nullptr}};
	return pg::Call([&] {
		LOCAL_FCINFO(fcinfo, 2);
		InitFunctionCallInfoData(*fcinfo, &function_, 2, DEFAULT_COLLATION_OID, nullptr, nullptr);
		std::copy(std::begin(arguments), std::end(arguments), fcinfo->args);
		if (function_.fn_strict && arguments[1].isnull)
			return false;
		Datum result = FunctionCallInvoke(fcinfo);
		return !fcinfo->isnull && DatumGetBool(result);
	});
}

} // namespace txsync::api
