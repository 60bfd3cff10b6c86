#include "worker/state.h"

#include "core/position.h"

extern "C" {
#include "access/transam.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/xid8.h"
}

namespace txsync::worker {

namespace {

std::string
SystemIdentifier()
{
	return std::to_string(GetSystemIdentifier());
}

// The condition that finds the row.
std::string
Own()
{
	return "(system_identifier, database) = (" + pg::QuoteLiteral(SystemIdentifier()) + ", " +
		   std::to_string(MyDatabaseId) + "::oid)";
}

std::string
Lsn(XLogRecPtr lsn)
{
	core::Buffer text;
	core::WriteLsn(text, lsn);
	return std::string(text.View());
}

XLogRecPtr
AsLsn(const std::optional<std::string> &text)
{
	return text ? std::stoull(*text) : InvalidXLogRecPtr;
}

FullTransactionId
AsXid(const std::optional<std::string> &text)
{
	return FullTransactionIdFromU64(text ? std::stoull(*text) : 0);
}

State::Reset
AsReset(const std::optional<std::string> &text)
{
	if (!text)
		return State::Reset::kNone;
	return *text == "heal" ? State::Reset::kHeal : State::Reset::kSkip;
}

// What a changelog that begins here has to go on from: nothing, or what came with a copy of a database. Transactions
// are numbered alike only within one server.
void
LoadInheritance(pg::Spi &spi, State &state)
{
	spi.Execute("SELECT greatest((SELECT max(id) FROM txsync.activity), (SELECT max(last_id) FROM "
				"txsync.capture_state), 0)");
	state.last_id = std::stoll(*pg::Spi::Value(1));
	if (spi.Execute("SELECT horizon FROM txsync.capture_state WHERE horizon IS NOT NULL AND system_identifier = " +
					pg::QuoteLiteral(SystemIdentifier()) + " ORDER BY epoch DESC LIMIT 1") > 0)
		state.horizon = AsXid(pg::Spi::Value(1));
}

// True if that is news.
bool
NoteLastError(pg::Spi &spi, const std::string &message)
{
	return spi.Execute("INSERT INTO txsync.capture_state AS s (system_identifier, database, last_error, last_error_at) "
					   "VALUES (" +
					   pg::QuoteLiteral(SystemIdentifier()) + ", " + std::to_string(MyDatabaseId) + ", " +
					   pg::QuoteLiteral(message) +
					   ", clock_timestamp()) ON CONFLICT (system_identifier, database) DO UPDATE "
					   "SET last_error = EXCLUDED.last_error, last_error_at = EXCLUDED.last_error_at "
					   "WHERE s.last_error IS DISTINCT FROM EXCLUDED.last_error") > 0;
}

} // namespace

State
LoadState(pg::Spi &spi)
{
	State state;
	uint64_t rows = spi.Execute("SELECT epoch, timeline, position - '0/0', horizon, last_id, missed, paused, "
								"gap_end - '0/0', reset, last_error IS NOT NULL FROM txsync.capture_state WHERE " +
								Own());
	if (rows > 0) {
		state.paused = *pg::Spi::Value(7) == "t";
		state.reset = AsReset(pg::Spi::Value(9));
		state.has_begun = pg::Spi::Value(3).has_value();
	}
	if (!state.has_begun) {
		LoadInheritance(spi, state);
		return state;
	}
	state.epoch = std::stoll(*pg::Spi::Value(1));
	state.timeline = static_cast<TimeLineID>(std::stoul(*pg::Spi::Value(2)));
	state.position = AsLsn(pg::Spi::Value(3));
	state.horizon = AsXid(pg::Spi::Value(4));
	state.last_id = std::stoll(*pg::Spi::Value(5));
	state.missed = *pg::Spi::Value(6) == "t";
	state.failed = *pg::Spi::Value(10) == "t";
	if (std::optional<std::string> end = pg::Spi::Value(8))
		state.gap = Gap{state.position, AsLsn(end)};
	return state;
}

void
SaveState(pg::Spi &spi, const State &state)
{
	static SPIPlanPtr plan;
	std::string identifier = SystemIdentifier();
	Datum system = pg::Call([&] { return CStringGetTextDatum(identifier.c_str()); });
	const pg::Spi::Parameter parameters[] = {
		{TEXTOID, system},
		{OIDOID, ObjectIdGetDatum(MyDatabaseId)},
		{INT8OID, Int64GetDatum(state.epoch)},
		{INT4OID, Int32GetDatum(static_cast<int32>(state.timeline))},
		{LSNOID, LSNGetDatum(state.position)},
		{XID8OID, FullTransactionIdGetDatum(state.horizon)},
		{INT8OID, Int64GetDatum(state.last_id)},
		{BOOLOID, BoolGetDatum(state.missed)},
	};
	spi.Execute(plan,
				"INSERT INTO txsync.capture_state AS s (system_identifier, database, epoch, timeline, position, "
				"horizon, last_id, missed, floor) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
				"(SELECT coalesce(max(floor), 0) FROM txsync.capture_state)) "
				"ON CONFLICT (system_identifier, database) DO UPDATE SET epoch = $3, timeline = $4, position = $5, "
				"horizon = $6, last_id = $7, missed = $8, last_error = NULL, last_error_at = NULL",
				parameters);
}

int64_t
NewEpoch(pg::Spi &spi)
{
	spi.Execute("INSERT INTO txsync.past_epoch (epoch, last_id) SELECT epoch, last_id FROM txsync.capture_state "
				"WHERE epoch IS NOT NULL AND " +
				Own() + " ON CONFLICT (epoch) DO NOTHING");
	spi.Execute("SELECT greatest((extract(epoch FROM clock_timestamp()) * 1000)::bigint, max(epoch) + 1) "
				"FROM txsync.capture_state");
	return std::stoll(*pg::Spi::Value(1));
}

// Healing tells what the changelog says otherwise. Of what it has forgotten it says nothing: who has not read beyond
// the gap, which comes next, may have entities that were deleted in it.
void
EndGap(pg::Spi &spi, const Gap &gap, uint64_t activities)
{
	spi.Execute("UPDATE txsync.capture_state SET gap_end = NULL, reset = NULL, floor = CASE WHEN reset = 'heal' AND "
				"floor > 0 THEN last_id + 1 ELSE floor END WHERE " +
				Own());
	spi.Execute("INSERT INTO txsync.sync_log (sync_type, status, code, records_synced, detail) "
				"VALUES ('capture', 'OK', 'RESET', " +
				std::to_string(activities) + ", " + pg::QuoteLiteral(PayloadOf(gap)) + ")");
}

void
NoteError(pg::Spi &spi, const std::string &message)
{
	if (NoteLastError(spi, message))
		spi.Execute("INSERT INTO txsync.sync_log (sync_type, status, code, error_message) "
					"VALUES ('capture', 'ERROR', 'CAPTURE_FAILED', " +
					pg::QuoteLiteral(message) + ")");
}

void
NoteGap(pg::Spi &spi, const Gap &gap, const std::string &message)
{
	NoteLastError(spi, message);
	spi.Execute("UPDATE txsync.capture_state SET gap_end = " + pg::QuoteLiteral(Lsn(gap.to)) + " WHERE " + Own());
	spi.Execute("INSERT INTO txsync.sync_log (sync_type, status, code, error_message, detail) "
				"VALUES ('capture', 'CRITICAL', 'GAP', " +
				pg::QuoteLiteral(message) + ", " + pg::QuoteLiteral(PayloadOf(gap)) + ")");
}

std::string
PayloadOf(const Gap &gap)
{
	return R"({"from": ")" + Lsn(gap.from) + R"(", "to": ")" + Lsn(gap.to) + R"(", "healed": )" +
		   (gap.healed ? "true" : "false") + "}";
}

} // namespace txsync::worker
