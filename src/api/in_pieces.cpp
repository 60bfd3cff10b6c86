#include "api/in_pieces.h"

#include "api/attach.h"
#include "api/capture.h"

extern "C" {
#include "access/xact.h"
}

namespace txsync::api {

namespace {

void
RequireTransactionOfItsOwn(const std::string &procedure)
{
	if (IsTransactionBlock())
		throw pg::Failure{ERRCODE_INVALID_TRANSACTION_TERMINATION, procedure + " cannot run inside a transaction block",
						  "It commits after each piece of the table."};
	if (IsolationUsesXactSnapshot())
		throw pg::Failure{ERRCODE_INVALID_TRANSACTION_STATE, procedure + " runs in READ COMMITTED only",
						  "It has to see what others have committed meanwhile.",
						  "SET default_transaction_isolation = 'read committed';"};
}

} // namespace

std::shared_ptr<const Entity>
EntityInPieces(Oid relation, const char *procedure)
{
	RequireTransactionOfItsOwn(procedure);
	RequireOwnTable(relation);
	Table table(relation, AccessShareLock);
	RequireOwnTable(relation);
	RequireNoPartition(table);
	std::optional<core::Tracking> tracking = TrackingOf(table.Rel());
	if (!tracking)
		throw pg::Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						  "table " + table.Label() + " is not tracked",
						  {},
						  "SELECT txsync.track(" + pg::QuoteLiteral(table.Sql()) + ");"};
	RequireCapture();
	return EntityOf(tracking->entity_type);
}

} // namespace txsync::api
