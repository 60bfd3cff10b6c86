#include "worker/ledger.h"

#include "api/attach.h"
#include "api/ledger_partition.h"
#include "api/privileges.h"
#include "pg/spi.h"
#include "pg/subtransaction.h"
#include "worker/settings.h"
#include "worker/transaction.h"

#include <algorithm>
#include <sstream>
#include <vector>

extern "C" {
#include "access/table.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/rel.h"
}

namespace txsync::worker {

namespace {

constexpr int kMinuteMs = 60'000;
constexpr int kHourMs = 3'600'000;

// After this time it is tried again where somebody was in the way, and then after twice that, up to the longest.
constexpr int kSoonMs = 1000;
constexpr int kLatestMs = 8000;

// Who claims meanwhile queues behind us for so long, and so does capture.
constexpr const char *kLockTimeout = "50ms";

// Clocks of clients may be ahead, and nobody is to wait for midnight.
constexpr int32_t kDaysAhead = 2;

// Only rows tell how old they are, so all of them are looked at, in pieces of so many pages: capture waits for one.
constexpr BlockNumber kPiece = 512;

void
Lock(const std::string &table, LOCKMODE mode)
{
	Oid oid = api::OwnTable(table.c_str());
	pg::Call([&] {
		if (OidIsValid(oid))
			LockRelationOid(oid, mode);
	});
}

std::string
DateOf(int32_t day)
{
	return "(DATE '1970-01-01' + " + std::to_string(day) + ")";
}

// As a clock writes them, ids of a day are beside each other in an index.
std::string
FirstIdOf(int32_t day)
{
	return std::to_string(int64_t{day} * 86'400'000);
}

// Claims of that day that came before their partition move there.
void
MakeDay(int32_t day)
{
	std::string name = "txsync." + api::NameOfDay(day);
	std::string date = DateOf(day);
	Lock("mutation_hlc", ShareUpdateExclusiveLock);
	Lock("mutation_rest", AccessExclusiveLock);
	pg::Spi spi;
	spi.Execute("CREATE TABLE " + name + " (LIKE txsync.mutation) USING heap");
	api::RevokeFromOthers(spi, name);
	spi.Execute("CREATE UNIQUE INDEX " + api::NameOfDay(day) + "_id ON " + name + " (transaction_id)");
	spi.Execute("ALTER TABLE " + name + " REPLICA IDENTITY USING INDEX " + api::NameOfDay(day) + "_id");
	spi.Execute("WITH moved AS (DELETE FROM txsync.mutation_rest WHERE txsync.mutation_day(transaction_id) = " + date +
				" RETURNING *) INSERT INTO " + name + " SELECT * FROM moved");
	spi.Execute("ALTER TABLE txsync.mutation_hlc ATTACH PARTITION " + name + " FOR VALUES FROM " + date + " TO (" +
				date + " + 1)");
}

// A dump has the partitions, too. So that nothing is in the way where one is restored, none is made before it is
// needed: today's when it has claims, and then, being attached, which in a dump comes behind all the tables, the next.
bool
IsInUse(int32_t today)
{
	pg::Spi spi;
	return spi.Execute(
			   "SELECT FROM pg_catalog.pg_inherits WHERE inhparent = 'txsync.mutation_hlc'::regclass AND inhrelid = "
			   "pg_catalog.to_regclass('txsync." +
			   api::NameOfDay(today) + "')") > 0 ||
		   spi.Execute("SELECT FROM txsync.mutation_rest WHERE transaction_id >= '" + FirstIdOf(today) +
					   "' AND transaction_id < '" + FirstIdOf(today + 1) +
					   "' AND txsync.mutation_day(transaction_id) = " + DateOf(today) + " LIMIT 1") > 0;
}

// From here on ids of the days before are refused: they may have been applied. Who reads the row in between sees it.
void
RaiseFloor(pg::Spi &spi, const std::string &date)
{
	spi.Execute("UPDATE txsync.mutation_floor SET floor = " + date + " WHERE floor < " + date +
				" AND floor = (SELECT pg_catalog.max(floor) FROM txsync.mutation_floor)");
	spi.Execute("INSERT INTO txsync.mutation_floor SELECT " + date +
				" WHERE NOT EXISTS (SELECT FROM txsync.mutation_floor)");
}

std::string
CutOff()
{
	return "(pg_catalog.now() - " + std::to_string(LedgerRetentionMinutes()) + " * interval '1 min')";
}

std::string
FirstKeptDay()
{
	return "(" + CutOff() + " AT TIME ZONE 'UTC')::date";
}

std::vector<int32_t>
OldDays()
{
	pg::Spi spi;
	spi.Execute(
		"SELECT pg_catalog.string_agg((p.day - DATE '1970-01-01')::text, ' ' ORDER BY p.day) FROM (SELECT "
		"pg_catalog.to_date(pg_catalog.right(c.relname, -9), 'YYYYMMDD') AS day FROM pg_catalog.pg_inherits i JOIN "
		"pg_catalog.pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'txsync.mutation_hlc'::regclass AND c.relname "
		"~ "
		"'^mutation_[0-9]+$') p WHERE p.day < " +
		FirstKeptDay());
	std::vector<int32_t> days;
	std::istringstream list(pg::Spi::Value(1).value_or(""));
	for (int32_t day = 0; list >> day;)
		days.push_back(day);
	return days;
}

// DROP locks all of these itself.
void
DropDay(int32_t day)
{
	Lock("mutation_hlc", AccessExclusiveLock);
	Lock("mutation_rest", AccessExclusiveLock);
	Lock(api::NameOfDay(day), AccessExclusiveLock);
	pg::Spi spi;
	RaiseFloor(spi, DateOf(day + 1));
	spi.Execute("DROP TABLE txsync." + api::NameOfDay(day));
}

// A condition on the rows of a piece of a table.
std::string
InPiece(BlockNumber from, BlockNumber to)
{
	auto tid = [](BlockNumber block) { return "'(" + std::to_string(block) + ",0)'::pg_catalog.tid"; };
	return "ctid >= " + tid(from) + " AND ctid < " + tid(to) + " AND ";
}

// Ids of days without a partition: old ones that came late, and those of a future, which are kept until it has passed.
// Before that nothing would refuse them.
void
DeleteRest(const std::string &table, const std::string &piece)
{
	pg::Spi spi;
	std::string old =
		piece + "txsync.mutation_day(transaction_id) < " + FirstKeptDay() + " AND claimed_at < " + CutOff();
	spi.Execute("SELECT pg_catalog.max(txsync.mutation_day(transaction_id)) + 1 FROM " + table + " WHERE " + old);
	std::optional<std::string> floor = pg::Spi::Value(1);
	if (!floor)
		return;
	RaiseFloor(spi, "DATE '" + *floor + "'");
	spi.Execute("DELETE FROM " + table + " WHERE " + old);
}

void
DeleteUntimed(const std::string &table, const std::string &piece)
{
	pg::Spi spi;
	spi.Execute("DELETE FROM " + table + " WHERE " + piece + "claimed_at < " + CutOff());
}

BlockNumber
BlocksOf(const std::string &table)
{
	return pg::Call([&] {
		Relation relation = table_open(api::OwnTable(table.c_str()), AccessShareLock);
		BlockNumber blocks = RelationGetNumberOfBlocks(relation);
		table_close(relation, AccessShareLock);
		return blocks;
	});
}

} // namespace

// Runs work() in a transaction of its own; false if it could not be done, and was undone.
template <class F>
bool
LedgerKeeper::Try(F &&work)
{
	bool done = false;
	Transaction transaction;
	try {
		pg::InSubtransaction([&] {
			pg::RoleScope as_owner(api::ExtensionOwner());
			pg::Call([] {
				set_config_option("lock_timeout", kLockTimeout, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0,
								  false);
			});
			work();
		});
		done = true;
	} catch (const pg::Error &error) {
		const ErrorData &data = *error.data;
		if (data.sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE)
			busy_ = true;
		else if (!failure_)
			failure_ = {data.message != nullptr ? data.message : "", data.detail != nullptr ? data.detail : ""};
	} catch (const pg::Failure &failure) {
		if (!failure_)
			failure_ = {failure.message, failure.detail};
	}
	transaction.Commit();
	return done;
}

void
LedgerKeeper::Keep()
{
	if (GetCurrentTimestamp() < due_)
		return;
	busy_ = false;
	more_ = false;
	failure_.reset();
	MakeDays();
	if (!busy_)
		DropDays();
	Prune();
	Tell();
	PutOff();
}

void
LedgerKeeper::PutOff()
{
	wait_ms_ = !busy_ ? 0 : std::clamp(2 * wait_ms_, kSoonMs, kLatestMs);
	int wait = busy_ ? wait_ms_ : more_ ? 0 : kMinuteMs;
	due_ = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), wait);
}

void
LedgerKeeper::MakeDays()
{
	int32_t today = api::Today();
	std::vector<int32_t> missing;
	Try([&] {
		if (!IsInUse(today))
			return;
		for (int32_t day = today; day <= today + kDaysAhead; day++) {
			if (!OidIsValid(api::OwnTable(api::NameOfDay(day).c_str())))
				missing.push_back(day);
		}
	});
	for (int32_t day : missing) {
		if (!Try([&] { MakeDay(day); }))
			return;
	}
}

// What somebody has made depend on one of them is not in the way of the others.
void
LedgerKeeper::DropDays()
{
	std::vector<int32_t> old;
	Try([&] { old = OldDays(); });
	for (int32_t day : old) {
		if (!Try([&] { DropDay(day); }) && busy_)
			return;
	}
}

// A piece of each table; once an hour all of them, one after the other.
void
LedgerKeeper::Prune()
{
	TimestampTz now = GetCurrentTimestamp();
	if (now < prune_due_)
		return;
	bool rest = Sweep("mutation_rest", rest_, DeleteRest);
	bool untimed = Sweep("mutation_other", untimed_, DeleteUntimed);
	more_ = !(rest && untimed);
	if (!more_)
		prune_due_ = TimestampTzPlusMilliseconds(now, kHourMs);
}

// True at the end of the table. What could not be done is left for the next hour.
bool
LedgerKeeper::Sweep(const char *table, BlockNumber &next, DeleteOld *delete_old)
{
	bool end = true;
	Try([&] {
		BlockNumber blocks = BlocksOf(table);
		BlockNumber piece_end = next + std::min(kPiece, blocks - std::min(next, blocks));
		if (next < piece_end)
			delete_old(std::string("txsync.") + table, InPiece(next, piece_end));
		end = piece_end >= blocks;
		next = piece_end;
	});
	if (end)
		next = 0;
	return end;
}

void
LedgerKeeper::LoadTold()
{
	Try([&] {
		pg::Spi spi;
		bool any =
			spi.Execute(
				"SELECT error_message FROM txsync.sync_log WHERE sync_type = 'ledger' ORDER BY id DESC LIMIT 1") > 0;
		told_ = any ? pg::Spi::Value(1).value_or("") : "";
	});
}

// A failure is told once, however often it fails again for the same reason, and so is that it is over.
void
LedgerKeeper::Tell()
{
	if (!told_)
		LoadTold();
	std::string now = failure_ ? failure_->message : "";
	if (!told_ || now == *told_ || (!failure_ && busy_))
		return;
	std::string detail = failure_ ? failure_->detail : "";
	if (failure_)
		pg::Call([&] {
			ereport(WARNING, (errmsg("could not keep txsync's ledger: %s", now.c_str()),
							  detail.empty() ? 0 : errdetail_internal("%s", detail.c_str()),
							  errhint("Capture goes on, and this is tried again every minute.")));
		});
	bool written = Try([&] {
		pg::Spi spi;
		if (failure_)
			spi.Execute(
				"INSERT INTO txsync.sync_log (sync_type, status, code, error_message, detail) VALUES ('ledger', "
				"'WARNING', 'LEDGER_FAILED', " +
				pg::QuoteLiteral(now) + ", pg_catalog.jsonb_build_object('detail', " + pg::QuoteLiteral(detail) + "))");
		else
			spi.Execute("INSERT INTO txsync.sync_log (sync_type, status, code) VALUES ('ledger', 'OK', 'LEDGER_KEPT')");
	});
	if (written)
		told_ = now;
}

} // namespace txsync::worker
