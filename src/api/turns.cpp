#include "api/turns.h"

#include "api/extension_lock.h"
#include "api/settings.h"
#include "pg/call.h"

#include <algorithm>
#include <exception>

extern "C" {
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "replication/origin.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"
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
	if (begun_ != 0)
		PopActiveSnapshot();
	SPI_finish();
}

void
Turns::Next()
{
	End();
	if (begun_ != 0 && OthersWrite())
		Rest();
	bool exists = Begin();
	pg::CheckForInterrupts();
	if (!exists || !may_go_on_())
		throw Stopped();
}

void
Turns::End()
{
	pg::Call([&] {
		TransactionId *children;
		wrote_ = TransactionIdIsValid(GetTopTransactionIdIfAny()) + xactGetCommittedChildren(&children);
		if (begun_ != 0)
			PopActiveSnapshot();
		SPI_commit();
	});
}

// Who writes takes a transaction id. Those who have are expected again for a while, so that few are not missed.
bool
Turns::OthersWrite()
{
	constexpr int64_t kWhile = USECS_PER_SEC;
	uint64_t next = U64FromFullTransactionId(pg::Call([] { return ReadNextFullTransactionId(); }));
	TimestampTz now = GetCurrentTimestamp();
	if (next_xid_ != 0 && next > next_xid_ + wrote_)
		others_wrote_ = now;
	next_xid_ = next;
	return now - others_wrote_ < kWhile;
}

// For as long as the pace says, in no one's way: without a lock or a snapshot. A latch counts in ms: the remainder is
// owed. A turn that waited itself owes no more than a turn may.
void
Turns::Rest()
{
	constexpr int64_t kLongest = USECS_PER_SEC / 10;
	constexpr int64_t kMs = 1000;
	int pace = CompactionPace();
	TimestampTz now = GetCurrentTimestamp();
	owed_ = std::clamp(owed_ + (now - begun_) * (100 - pace) / pace, int64_t{0}, kLongest);
	if (owed_ < kMs)
		return;
	pg::Call([&] {
		WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, static_cast<long>(owed_ / kMs),
				  PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	});
	owed_ -= GetCurrentTimestamp() - now;
}

namespace {

// What a turn writes reaches the disk with others' commits, which wait for it: pages as a whole make up most of that,
// and have a third of the size so.
void
WriteLittle()
{
	auto set = [](const char *setting, const char *value) {
		set_config_option(setting, value, PGC_SUSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
	};
	set("synchronous_commit", "off");
#ifdef USE_LZ4
	if (wal_compression == WAL_COMPRESSION_NONE)
		set("wal_compression", "lz4");
#endif
}

} // namespace

bool
Turns::Begin()
{
	begun_ = 0;
	return pg::Call([&] {
		XactIsoLevel = XACT_READ_COMMITTED;
		// As DROP EXTENSION does, before it locks what the extension has, in an order of its own.
		Oid extension = get_extension_oid("txsync", true);
		if (OidIsValid(extension))
			LockDatabaseObject(ExtensionRelationId, extension, kExtensionItself, AccessShareLock);
		WriteLittle();
		PushActiveSnapshot(GetTransactionSnapshot());
		begun_ = GetCurrentTimestamp();
		return OidIsValid(extension) && OidIsValid(get_extension_oid("txsync", true));
	});
}

} // namespace txsync::api
