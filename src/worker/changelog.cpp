#include "worker/changelog.h"

#include "core/datetime.h"
#include "pg/spi.h"
#include "worker/partition.h"

#include <optional>

extern "C" {
#include "access/xact.h"
#include "access/xlog.h"
#include "commands/async.h"
#include "utils/builtins.h"
#include "utils/pg_lsn.h"
#include "utils/snapmgr.h"
}

namespace txsync::worker {

namespace {

// A payload must have less than 8000 bytes.
constexpr size_t kMaxPayload = 7500;

// A queue that is nearly full would fail the transaction: nobody notifies beyond this.
constexpr double kMostOfTheQueue = 0.9;

// A transaction of the worker's; an exception leaves it to the end of the process.
class Transaction
{
public:
	Transaction()
	{
		pg::Call([] {
			SetCurrentStatementStartTimestamp();
			StartTransactionCommand();
			PushActiveSnapshot(GetTransactionSnapshot());
		});
	}
	Transaction(const Transaction &) = delete;

	void
	Commit()
	{
		pg::Call([] {
			PopActiveSnapshot();
			CommitTransactionCommand();
		});
	}
};

std::string
Lsn(XLogRecPtr lsn)
{
	core::Buffer text;
	core::WriteLsn(text, lsn);
	return std::string(text.View());
}

// What stands in the first row of the last result, or nothing for null.
std::optional<std::string>
Result(int column)
{
	const char *text = pg::Call([&] { return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, column); });
	return text != nullptr ? std::optional<std::string>(text) : std::nullopt;
}

// The key of this database's row of capture_state, and the condition that finds it.
std::string
Key()
{
	return pg::QuoteLiteral(std::to_string(GetSystemIdentifier())) + ", " + std::to_string(MyDatabaseId) + "::oid";
}

std::string
Own()
{
	return "(system_identifier, database) = (" + Key() + ")";
}

core::Change
ChangeOf(const core::Activity &activity, int64_t id, std::string_view committed_at)
{
	core::Change change;
	change.activity_id = id;
	change.position = activity.position;
	change.committed_at = committed_at;
	change.entity_type = activity.entity_type;
	change.entity_id = activity.entity_id;
	change.organization_id = activity.organization_id;
	change.action = activity.action;
	change.changed_keys = {activity.changed_keys_known, activity.changed_keys};
	change.tx = activity.tx;
	change.version = activity.version;
	change.origin = activity.origin;
	change.annotation = activity.annotation;
	return change;
}

// Those who listen learn of the activities of one changelog transaction.
class Notifier
{
public:
	Notifier(const char *channel, bool each)
		: channel_(channel)
		, each_(each)
		, has_room_(channel[0] != '\0' && pg::Call([] {
						return DatumGetFloat8(DirectFunctionCall1(pg_notification_queue_usage, 0)) < kMostOfTheQueue;
					}))
	{}

	void
	Tell(const core::Activity &activity, int64_t id)
	{
		last_ = id;
		if (!has_room_ || !each_)
			return;
		char committed_at[core::kMaxDateTime];
		char *end = core::FormatInstant(committed_at, activity.committed_at);
		payload_.Clear(kMaxPayload);
		core::Write(payload_, ChangeOf(activity, id, {committed_at, end}), core::Form::kWhole);
		Notify(payload_.Size() <= kMaxPayload ? std::string(payload_.View())
											  : "{\"activityId\":" + std::to_string(id) + "}");
	}

	void
	Finish()
	{
		if (has_room_ && !each_ && last_ != 0)
			Notify("{\"missed\":true,\"activityId\":" + std::to_string(last_) + "}");
	}

private:
	void
	Notify(const std::string &payload)
	{
		pg::Call([&] { Async_Notify(channel_, payload.c_str()); });
	}

	const char *channel_;
	bool each_;
	bool has_room_;
	int64_t last_ = 0;
	core::Buffer payload_;
};

} // namespace

State
Changelog::Load()
{
	Transaction transaction;
	state_ = {};
	{
		pg::Spi spi;
		uint64_t rows = spi.Execute(
			"SELECT position IS NOT NULL, coalesce(epoch, 0), coalesce(position - '0/0', 0), last_id, paused "
			"FROM txsync.capture_state WHERE " +
			Own());
		if (rows > 0) {
			state_.has_begun = *Result(1) == "t";
			state_.epoch = std::stoll(*Result(2));
			state_.position = std::stoull(*Result(3));
			state_.last_id = std::stoll(*Result(4));
			state_.paused = *Result(5) == "t";
		}
	}
	transaction.Commit();
	return state_;
}

// Behind whatever a copy has brought along.
void
Changelog::Begin(XLogRecPtr position)
{
	Transaction transaction;
	{
		pg::Spi spi;
		spi.Execute("INSERT INTO txsync.capture_state (system_identifier, database, epoch, last_id, position) "
					"SELECT " +
					Key() +
					", greatest((extract(epoch FROM clock_timestamp()) * 1000)::bigint, max(epoch) + 1), "
					"(SELECT coalesce(max(id), 0) FROM txsync.activity), " +
					pg::QuoteLiteral(Lsn(position)) +
					" FROM txsync.capture_state ON CONFLICT (system_identifier, database) "
					"DO UPDATE SET epoch = EXCLUDED.epoch, last_id = EXCLUDED.last_id, position = EXCLUDED.position");
	}
	transaction.Commit();
	Load();
}

void
Changelog::Append(Collector &collected, const char *channel, bool caught_up)
{
	Transaction transaction;
	int64_t id = state_.last_id;
	{
		Partition partition;
		Notifier notifier(channel, caught_up);
		collected.Read([&](const core::Activity &activity) {
			partition.Add(activity, ++id, state_.epoch);
			notifier.Tell(activity, id);
		});
		partition.Close();
		notifier.Finish();
		pg::Spi spi;
		spi.Execute("UPDATE txsync.capture_state SET last_error = NULL, last_error_at = NULL, position = " +
					pg::QuoteLiteral(Lsn(collected.Reached())) + ", last_id = " + std::to_string(id) + " WHERE " +
					Own());
	}
	transaction.Commit();
	state_.last_id = id;
	state_.position = collected.Reached();
}

// Once, however often it fails again for the same reason.
void
Changelog::NoteError(const std::string &code, const std::string &message)
{
	Transaction transaction;
	{
		pg::Spi spi;
		std::string text = pg::QuoteLiteral(message);
		uint64_t news = spi.Execute(
			"INSERT INTO txsync.capture_state AS s (system_identifier, database, last_error, last_error_at) SELECT " +
			Key() + ", " + text +
			", clock_timestamp() ON CONFLICT (system_identifier, database) DO UPDATE "
			"SET last_error = EXCLUDED.last_error, last_error_at = EXCLUDED.last_error_at "
			"WHERE s.last_error IS DISTINCT FROM EXCLUDED.last_error");
		if (news > 0)
			spi.Execute("INSERT INTO txsync.sync_log (sync_type, status, code, error_message) VALUES ('capture', " +
						pg::QuoteLiteral(code == kGap ? "CRITICAL" : "ERROR") + ", " + pg::QuoteLiteral(code) + ", " +
						text + ")");
	}
	transaction.Commit();
}

} // namespace txsync::worker
