#include "api/ledger_partition.h"

#include "api/attach.h"
#include "api/errors.h"
#include "core/datetime.h"
#include "core/hlc.h"
#include "pg/entry.h"
#include "pg/call.h"
#include "pg/image.h"

extern "C" {
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "datatype/timestamp.h"
#include "utils/date.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
}

namespace txsync::api {

namespace {

constexpr uint64_t kMsPerDay = 86'400'000;
constexpr int32_t kEpochOffset = POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE; // days

// Without it ids could not be told apart: nobody is to go on then.
Oid
Existing(const char *name)
{
	Oid oid = OwnTable(name);
	if (!OidIsValid(oid))
		throw pg::Failure{ERRCODE_UNDEFINED_TABLE, std::string("relation \"txsync.") + name + "\" does not exist"};
	return oid;
}

Oid
PartitionOfDay(int32_t day)
{
	return OwnTable(NameOfDay(day).c_str());
}

// The first day of which all ids are known: as committed at this instant, whatever the transaction's snapshot.
int32_t
Floor()
{
	return pg::Call([] {
		int32_t floor = INT32_MIN;
		Relation table = table_open(OwnTable("mutation_floor"), AccessShareLock);
		Snapshot latest = RegisterSnapshot(GetLatestSnapshot());
		SysScanDesc scan = systable_beginscan(table, InvalidOid, false, latest, 0, nullptr);
		while (HeapTuple row = systable_getnext(scan)) {
			bool null = false;
			Datum date = heap_getattr(row, 1, RelationGetDescr(table), &null);
			floor = std::max(floor, DatumGetDateADT(date) + kEpochOffset);
		}
		systable_endscan(scan);
		UnregisterSnapshot(latest);
		table_close(table, AccessShareLock);
		return floor;
	});
}

} // namespace

std::optional<int32_t>
DayOf(std::string_view transaction_id)
{
	std::optional<core::Hlc> hlc = core::ParseHlc(transaction_id);
	if (!hlc)
		return std::nullopt;
	return static_cast<int32_t>(hlc->wall_ms / kMsPerDay);
}

std::string
NameOfDay(int32_t day)
{
	char date[core::kMaxDateTime];
	std::string name(date, core::FormatDate(date, day - kEpochOffset));
	std::erase(name, '-');
	return "mutation_" + name;
}

int32_t
Today()
{
	return static_cast<int32_t>(GetCurrentTimestamp() / USECS_PER_DAY) + kEpochOffset;
}

Oid
LedgerPartitionOf(std::string_view transaction_id)
{
	std::optional<int32_t> day = DayOf(transaction_id);
	if (!day)
		return Existing("mutation_other");
	Oid partition = PartitionOfDay(*day);
	return OidIsValid(partition) ? partition : Existing("mutation_rest");
}

// What is pruned has no partition any more, and that is told by the transaction that dropped it.
void
RequireNotPruned(std::string_view transaction_id)
{
	std::optional<int32_t> day = DayOf(transaction_id);
	if (day && *day < Today() - 1 && !OidIsValid(PartitionOfDay(*day)) && *day < Floor())
		throw Fail(errors::kTooOld, "transactionId \"" + std::string(transaction_id) + "\" is too old",
				   {{"transactionId", transaction_id}},
				   "What was claimed on that day is not known any more: it may have been applied.");
}

extern "C" {

PG_FUNCTION_INFO_V1(mutation_day);

PGDLLEXPORT Datum
mutation_day(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] {
		auto *id = pg::Call([&] { return PG_GETARG_TEXT_PP(0); });
		std::optional<int32_t> day = DayOf(pg::BytesOf(id));
		fcinfo->isnull = !day;
		return DateADTGetDatum(day.value_or(0) - kEpochOffset);
	});
}

} // extern "C"

} // namespace txsync::api
