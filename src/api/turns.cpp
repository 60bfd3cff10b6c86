#include "api/turns.h"

#include "pg/call.h"

#include <exception>

extern "C" {
#include "access/xact.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "replication/origin.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
}

namespace txsync::api {

Turns::Turns(const std::function<bool()> &may_go_on)
	: may_go_on_(may_go_on)
	, origin_(replorigin_session_origin)
{
	pg::Call([] {
		if (SPI_connect_ext(SPI_OPT_NONATOMIC) != SPI_OK_CONNECT)
			elog(ERROR, "could not connect to SPI");
	});
	replorigin_session_origin = DoNotReplicateId;
}

Turns::~Turns()
{
	replorigin_session_origin = origin_;
	if (std::uncaught_exceptions() > 0)
		return;
	if (begun_)
		PopActiveSnapshot();
	SPI_finish();
}

void
Turns::Next()
{
	bool exists = pg::Call([&] {
		if (begun_)
			PopActiveSnapshot();
		begun_ = false;
		SPI_commit();
		XactIsoLevel = XACT_READ_COMMITTED;
		// As DROP EXTENSION does, before it locks what the extension has, in an order of its own.
		Oid extension = get_extension_oid("txsync", true);
		if (OidIsValid(extension))
			LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
		set_config_option("synchronous_commit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
		PushActiveSnapshot(GetTransactionSnapshot());
		begun_ = true;
		return OidIsValid(extension) && OidIsValid(get_extension_oid("txsync", true));
	});
	pg::CheckForInterrupts();
	if (!exists || !may_go_on_())
		throw Stopped();
}

} // namespace txsync::api
