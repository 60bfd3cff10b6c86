// What SQL asks of the capture worker: its state, and that it looks again.

#include "api/capture.h"

#include "api/seats.h"
#include "pg/call.h"
#include "pg/entry.h"
#include "pg/spi.h"

extern "C" {
#include "access/xact.h"
#include "access/xlog.h"
#include "access/xlog_internal.h"
#include "funcapi.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"
}

namespace txsync::api {

namespace {

struct Report
{
	SeatState state = SeatState::kFree;
	pid_t pid = 0;
	XLogRecPtr captured = InvalidXLogRecPtr;
	TimestampTz captured_at = 0;
	uint32_t starts = 0;
};

Report
Look()
{
	Report report;
	if (HaveSeats()) {
		WithSeat(MyDatabaseId, [&](Seat &seat) {
			report = {seat.state, seat.pid, pg_atomic_read_u64(&seat.captured),
					  static_cast<TimestampTz>(pg_atomic_read_u64(&seat.captured_at)), seat.starts};
		});
	}
	return report;
}

Datum
CaptureWorker(FunctionCallInfo fcinfo)
{
	Report report = Look();
	return pg::Call([&] {
		TupleDesc desc;
		if (get_call_result_type(fcinfo, nullptr, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		bool nothing = report.captured == InvalidXLogRecPtr;
		bool nulls[] = {false, false, report.pid == 0, false, nothing, nothing, false};
		Datum values[] = {CStringGetTextDatum(psprintf(UINT64_FORMAT, GetSystemIdentifier())),
						  ObjectIdGetDatum(MyDatabaseId),
						  Int32GetDatum(report.pid),
						  CStringGetTextDatum(NameOf(report.state)),
						  LSNGetDatum(report.captured),
						  TimestampTzGetDatum(report.captured_at),
						  Int32GetDatum(static_cast<int32>(report.starts > 0 ? report.starts - 1 : 0))};
		return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
	});
}

// The worker does what is asked: it alone writes the changelog.
void
ResetCapture(bool heal)
{
	pg::Spi spi;
	uint64_t rows =
		spi.Execute(std::string("UPDATE txsync.capture_state s SET reset = ") + (heal ? "'heal'" : "'skip'") +
					" FROM txsync.capture_worker() w WHERE s.system_identifier = w.system_identifier "
					"AND s.database = w.database AND s.gap_end IS NOT NULL");
	if (rows == 0)
		throw pg::Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						  "capture has no gap to leave behind",
						  {},
						  "txsync.health() tells what is wrong with it, if anything."};
	if (HaveSeats())
		LookAgainAtCommit();
}

void
RequireWaitable(XLogRecPtr lsn)
{
	if (TransactionIdIsValid(GetTopTransactionIdIfAny()))
		throw pg::Failure{ERRCODE_ACTIVE_SQL_TRANSACTION,
						  "wait_captured() cannot wait in a transaction that has written",
						  "What it has written is captured after its commit."};
	if (RecoveryInProgress() || lsn > GetXLogInsertRecPtr())
		throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, "the LSN is ahead of this server"};
}

void
RequireRunning(SeatState state)
{
	std::string hint = "txsync.doctor() tells why.";
	switch (state) {
	case SeatState::kStarting:
	case SeatState::kStopped:
	case SeatState::kStreaming:
		return;
	case SeatState::kPaused:
		hint = "txsync.resume() goes on.";
		break;
	case SeatState::kLost:
		hint = "txsync.reset_capture() goes on behind the gap.";
		break;
	default:
		break;
	}
	throw pg::Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE, std::string("capture is ") + NameOf(state), {}, hint};
}

// Behind a record that fills its page the next one begins after the page's header, up to which nothing is flushed.
XLogRecPtr
WithoutHeader(XLogRecPtr lsn)
{
	uint64 header = XLogSegmentOffset(lsn, wal_segment_size) < XLOG_BLCKSZ ? SizeOfXLogLongPHD : SizeOfXLogShortPHD;
	uint64 offset = lsn % XLOG_BLCKSZ;
	return offset <= header ? lsn - offset : lsn;
}

} // namespace

void
RequireCapture()
{
	RequireRunning(Look().state);
}

bool
WaitCaptured(XLogRecPtr lsn, TimestampTz deadline)
{
	lsn = WithoutHeader(lsn);
	pg::Call([&] { XLogFlush(lsn); }); // on an idle server nobody else does
	for (;;) {
		Report report = Look();
		if (report.captured >= lsn)
			return true;
		RequireRunning(report.state);
		if (GetCurrentTimestamp() >= deadline)
			return false;
		WakeWorker();
		pg::Call([] {
			WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 2, PG_WAIT_EXTENSION);
			ResetLatch(MyLatch);
		});
		pg::CheckForInterrupts();
	}
}

extern "C" {

PG_FUNCTION_INFO_V1(capture_worker);

PGDLLEXPORT Datum
capture_worker(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] { return CaptureWorker(fcinfo); });
}

PG_FUNCTION_INFO_V1(wake_capture);

PGDLLEXPORT Datum
wake_capture(FunctionCallInfo)
{
	if (HaveSeats())
		LookAgainAtCommit();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(reset_capture);

PGDLLEXPORT Datum
reset_capture(PG_FUNCTION_ARGS)
{
	pg::Entry([&] { ResetCapture(PG_GETARG_BOOL(0)); });
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(wait_captured);

PGDLLEXPORT Datum
wait_captured(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] {
		TimestampTz deadline = pg::Call([&] {
			return DatumGetTimestampTz(DirectFunctionCall2(
				timestamptz_pl_interval, TimestampTzGetDatum(GetCurrentTimestamp()), PG_GETARG_DATUM(1)));
		});
		RequireWaitable(PG_GETARG_LSN(0));
		return BoolGetDatum(WaitCaptured(PG_GETARG_LSN(0), deadline));
	});
}

} // extern "C"

} // namespace txsync::api
