// backfill(): the changelog is told of rows from before it. One piece of the table after the other, in a transaction
// each: what the changelog does not know is locked against writers, looked at again when all that was committed before
// is captured, and told by a message. So whatever a writer does to a row comes before the lock, and is known, or behind
// the message.

#include "api/arguments.h"
#include "api/attach.h"
#include "api/capture.h"
#include "api/in_pieces.h"
#include "api/last_word.h"
#include "api/sealed_message.h"
#include "api/table_walk.h"
#include "core/nullable.h"
#include "pg/entry.h"
#include "pg/subtransaction.h"

extern "C" {
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "storage/latch.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"
}

namespace txsync::api {

namespace {

// How long writers may wait for capture to catch up, and how long we do for writers before we look again.
constexpr int kHoldMs = 500;
constexpr long kPauseMs = 20;

// ---- How far it is: a row of backfill_state, locked by whoever does a piece, so that two share the work

struct Progress
{
	bool finished = false;
	Place place;
	int64_t rows = 0;
	int64_t told = 0;
};

constexpr char kBegin[] =
	"INSERT INTO txsync.backfill_state AS s (relation, entity_type, blocks_total) VALUES ($1, $2, $3)"
	" ON CONFLICT (relation) DO UPDATE SET entity_type = $2, blocks_total = $3, blocks_done = 0, part = 0, storage = 0,"
	" block = 0, rows_read = 0, rows_told = 0, started_at = pg_catalog.clock_timestamp(), finished_at = NULL"
	" WHERE s.finished_at IS NOT NULL OR s.entity_type OPERATOR(pg_catalog.<>) $2";
constexpr char kLoad[] = "SELECT s.finished_at IS NOT NULL, s.part, s.storage, s.block, s.rows_read, s.rows_told"
						 " FROM txsync.backfill_state s WHERE s.relation OPERATOR(pg_catalog.=) $1 FOR UPDATE";
constexpr char kSave[] =
	"UPDATE txsync.backfill_state s SET part = $2, storage = $3, block = $4, rows_read = $5, rows_told = $6,"
	" blocks_done = s.blocks_done OPERATOR(pg_catalog.+) $7, pid = pg_catalog.pg_backend_pid(),"
	" updated_at = pg_catalog.clock_timestamp(),"
	" finished_at = CASE WHEN $8 THEN pg_catalog.clock_timestamp() END"
	" WHERE s.relation OPERATOR(pg_catalog.=) $1";

constinit SPIPlanPtr begin_plan = nullptr;
constinit SPIPlanPtr load_plan = nullptr;
constinit SPIPlanPtr save_plan = nullptr;

pg::Spi::Parameter
Number(int64_t number)
{
	return {INT8OID, Int64GetDatum(number)};
}

pg::Spi::Parameter
Id(Oid oid)
{
	return {OIDOID, ObjectIdGetDatum(oid)};
}

// From its beginning, unless an earlier call was interrupted.
void
Begin(const Entity &entity)
{
	const pg::Spi::Parameter parameters[] = {Id(entity.relation), TextParameter(entity.tracking.entity_type),
											 Number(CountBlocks(entity.relation))};
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi().Execute(begin_plan, kBegin, parameters);
}

// Nothing if another has done the rest.
std::optional<Progress>
Load(Oid relation)
{
	const pg::Spi::Parameter parameters[] = {Id(relation)};
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi spi;
	if (spi.Execute(load_plan, kLoad, parameters) == 0 || *pg::Spi::Value(1) == "t")
		return std::nullopt;
	auto number = [](int column) { return std::stoll(*pg::Spi::Value(column)); };
	Progress progress;
	progress.place = {static_cast<Oid>(number(2)), static_cast<Oid>(number(3)), number(4)};
	progress.rows = number(5);
	progress.told = number(6);
	return progress;
}

void
Save(Oid relation, const Progress &progress, int64_t blocks)
{
	const pg::Spi::Parameter parameters[] = {Id(relation),
											 Id(progress.place.table),
											 Id(progress.place.storage),
											 Number(progress.place.block),
											 Number(progress.rows),
											 Number(progress.told),
											 Number(blocks),
											 {BOOLOID, BoolGetDatum(progress.finished)}};
	pg::RoleScope as_owner(ExtensionOwner());
	pg::Spi().Execute(save_plan, kSave, parameters);
}

// ---- One piece

std::vector<HeldRow>
Unknown(const Entity &entity, std::vector<HeldRow> rows)
{
	std::vector<std::string> ids;
	for (const HeldRow &row : rows)
		ids.push_back(row.id);
	std::vector<LastWord> words = LastWords(entity.tracking.entity_type, ids);
	size_t at = 0;
	std::erase_if(rows, [&](const HeldRow &) { return words[at++].exists; });
	return rows;
}

struct Behind
{};

// Locks the rows and waits until all is captured that was committed before; throws Behind, and nothing is locked, if
// that takes too long.
std::vector<HeldRow>
Lock(const Entity &entity, Oid table, const std::vector<HeldRow> &rows)
{
	std::vector<HeldRow> locked;
	pg::InSubtransaction([&] {
		locked = LockRows(entity, table, rows);
		TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), kHoldMs);
		if (!locked.empty() && !WaitCaptured(GetXLogInsertRecPtr(), deadline))
			throw Behind();
	});
	return locked;
}

void
Pause()
{
	pg::Call([] {
		WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, kPauseMs, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	});
	pg::CheckForInterrupts();
}

// False if it has to be looked at again: somebody is writing one of the rows, or capture is behind.
bool
Tell(const Entity &entity, Oid table, const std::vector<HeldRow> &unknown, Progress &progress)
{
	try {
		std::vector<HeldRow> locked = Lock(entity, table, unknown);
		bool all = locked.size() == unknown.size();
		EntityMessages messages(core::Sealed::Kind::kBackfill, entity.relation, "txsync.backfill()");
		for (const HeldRow &row : Unknown(entity, std::move(locked))) {
			messages.Add({row.id, core::ViewOf(row.organization)});
			progress.told++;
		}
		messages.Flush();
		if (!all)
			Pause();
		return all;
	} catch (const Behind &) {
		WaitCaptured(GetXLogInsertRecPtr(), DT_NOEND);
		return false;
	}
}

bool
BackfillPiece(Oid relation, bool first)
{
	std::shared_ptr<const Entity> entity = EntityInPieces(relation, "txsync.backfill()");
	if (first)
		Begin(*entity);
	std::optional<Progress> progress = Load(relation);
	if (!progress)
		return false;
	Place before = progress->place;
	std::optional<Piece> piece = NextPiece(relation, progress->place);
	int64_t blocks = 0;
	progress->finished = !piece;
	if (piece) {
		std::vector<HeldRow> rows = ReadRows(*entity, *piece);
		auto count = static_cast<int64_t>(rows.size());
		std::vector<HeldRow> unknown = Unknown(*entity, std::move(rows));
		if (unknown.empty() || Tell(*entity, piece->table, unknown, *progress)) {
			progress->rows += count;
			blocks = piece->to - piece->from;
		} else {
			progress->place = before;
		}
	}
	Save(relation, *progress, blocks);
	return !progress->finished;
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(backfill_piece);

PGDLLEXPORT Datum
backfill_piece(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] {
		Require(fcinfo, 0, "relation");
		Require(fcinfo, 1, "first");
		return BoolGetDatum(BackfillPiece(PG_GETARG_OID(0), PG_GETARG_BOOL(1)));
	});
}

} // extern "C"

} // namespace txsync::api
