#include "worker/changelog.h"

#include "api/seats.h"
#include "worker/notifier.h"
#include "worker/partition.h"
#include "worker/slot.h"
#include "worker/transaction.h"

extern "C" {
#include "access/xlog.h"
}

namespace txsync::worker {

namespace {

// Runs f(spi) in a transaction of its own.
template <class F>
void
InSql(F &&f)
{
	Transaction transaction;
	{
		pg::Spi spi;
		f(spi);
	}
	transaction.Commit();
}

// The last id of the partition that compaction wants to have for itself, if there is one.
int64_t
LeftToCompaction()
{
	int64_t id = 0;
	api::WithSeat(MyDatabaseId, [&](api::Seat &seat) { id = seat.compactor.left; });
	return id;
}

// What it wants may be of a changelog that was here before; of this one it will say so again.
void
ForgetCompaction()
{
	api::WithSeat(MyDatabaseId, [](api::Seat &seat) { seat.compactor.left = 0; });
}

} // namespace

const State &
Changelog::Load()
{
	InSql([&](pg::Spi &spi) { state_ = LoadState(spi); });
	return state_;
}

// The rows and the state behind them, in the transaction that is open.
void
Changelog::Write(State &next, Collector &collected, const char *channel, bool each)
{
	bool told = channel[0] == '\0';
	bool has_room = !told && NotifyQueueHasRoom();
	{
		next.last_id = std::max(next.last_id, LeftToCompaction());
		bool bulk = Partition::IsBulk(collected.Count());
		if (bulk)
			next.last_id = Partition::NextUnused(next.last_id) - 1;
		Partition partition(bulk);
		Notifier notifier(channel);
		if (has_room && each && state_.missed)
			NotifyMissed(channel, state_.last_id);
		collected.Read([&](const core::Activity &activity) {
			partition.Add(activity, ++next.last_id, next.epoch);
			if (has_room && each)
				notifier.Tell(activity, next.last_id);
		});
		partition.Close();
		if (has_room && !each && (state_.missed || next.last_id != state_.last_id))
			NotifyMissed(channel, next.last_id);
	}
	next.position = collected.Reached();
	next.horizon = Horizon();
	next.failed = false;
	next.missed = !told && !has_room;
	pg::Spi spi;
	SaveState(spi, next);
}

void
Changelog::Append(Collector &collected, const char *channel, bool each)
{
	Transaction transaction;
	State next = state_;
	Write(next, collected, channel, each);
	transaction.Commit();
	state_ = next;
}

void
Changelog::Begin(Collector &collected, const char *channel)
{
	ForgetCompaction();
	Transaction transaction;
	State next = state_;
	next.has_begun = true;
	next.timeline = GetWALInsertionTimeLine();
	{
		pg::Spi spi;
		next.epoch = NewEpoch(spi);
		if (next.gap)
			EndGap(spi, {next.gap->from, collected.Reached(), next.reset == State::Reset::kHeal}, collected.Count());
		next.gap.reset();
		next.reset = State::Reset::kNone;
	}
	Write(next, collected, channel, false);
	transaction.Commit();
	state_ = next;
}

void
Changelog::BeginEpoch()
{
	State next = state_;
	next.timeline = GetWALInsertionTimeLine();
	InSql([&](pg::Spi &spi) {
		next.epoch = NewEpoch(spi);
		SaveState(spi, next);
	});
	state_ = next;
}

void
Changelog::Advance(XLogRecPtr position)
{
	State next = state_;
	next.position = position;
	next.horizon = Horizon();
	next.failed = false;
	InSql([&](pg::Spi &spi) { SaveState(spi, next); });
	state_ = next;
}

void
Changelog::MakeUpNotifying(const char *channel)
{
	if (!state_.missed || !NotifyQueueHasRoom())
		return;
	State next = state_;
	next.missed = false;
	InSql([&](pg::Spi &spi) {
		if (channel[0] != '\0')
			NotifyMissed(channel, next.last_id);
		SaveState(spi, next);
	});
	state_ = next;
}

void
Changelog::StopAt(const Gap &gap, const std::string &message)
{
	InSql([&](pg::Spi &spi) { NoteGap(spi, gap, message); });
	state_.gap = gap;
}

void
Changelog::NoteError(const std::string &message)
{
	InSql([&](pg::Spi &spi) { worker::NoteError(spi, message); });
}

} // namespace txsync::worker
