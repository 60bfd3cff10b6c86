#include "worker/beginning.h"

#include "worker/inventory.h"
#include "worker/slot.h"

extern "C" {
#include "access/xact.h"
#include "access/xlog.h"
#include "pgstat.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
}

namespace txsync::worker {

namespace {

// Why the slot does not go on where the changelog ends; empty if it does. The slot follows the changelog, so one that
// is ahead of it is another than it was.
std::string
WhyNot(const Slot &slot, const State &state)
{
	std::string name = "replication slot \"" + SlotName() + "\"";
	if (!slot.exists)
		return name + " is gone";
	if (slot.lost)
		return name + " has lost WAL that it needed";
	if (!slot.is_ours || slot.confirmed > state.position)
		return name + " was made anew by somebody else";
	return {};
}

void
AddGap(Collector &collected, const Gap &gap, const core::Position &position)
{
	std::string payload = PayloadOf(gap);
	core::Activity activity;
	activity.action = core::Action::kGap;
	activity.position = position;
	activity.committed_at = GetCurrentTimestamp();
	activity.payload = payload;
	collected.Add(activity);
}

// A new slot. What its snapshot shows beside the changelog is written before anything that comes through it.
XLogRecPtr
BeginAnew(Changelog &changelog, const char *channel)
{
	State state = changelog.Now();
	Collector collected;
	pg::Call([] {
		pgstat_report_activity(STATE_RUNNING, "creating the replication slot");
		StartTransactionCommand();
		XactIsoLevel = XACT_REPEATABLE_READ;
	});
	core::Position at;
	at.commit_lsn = at.change_lsn = CreateSlot();
	pg::Call([] {
		pgstat_report_activity(STATE_RUNNING, "writing initial records");
		PushActiveSnapshot(GetTransactionSnapshot());
	});
	bool heals = state.reset == State::Reset::kHeal;
	if (state.gap) {
		AddGap(collected, {state.gap->from, at.commit_lsn, heals}, at);
		at.row++;
	}
	if (!state.gap || heals)
		TakeInventory(collected, state.horizon, at);
	pg::Call([] {
		PopActiveSnapshot();
		CommitTransactionCommand();
	});
	AcquireSlot();
	collected.ReachTo(at.commit_lsn);
	changelog.Begin(collected, channel);
	return at.commit_lsn;
}

} // namespace

std::optional<XLogRecPtr>
FindStart(Changelog &changelog, const char *channel)
{
	const State &state = changelog.Now();
	Slot slot = FindSlot();
	if (state.has_begun && !state.gap) {
		std::string why_not = WhyNot(slot, state);
		if (why_not.empty()) {
			AcquireSlot();
			if (state.timeline != GetWALInsertionTimeLine())
				changelog.BeginEpoch();
			return state.position;
		}
		changelog.StopAt({state.position, GetFlushRecPtr(nullptr)},
						 why_not + ": what was committed since is not in the changelog");
	}
	if (state.gap && state.reset == State::Reset::kNone)
		return {};
	if (slot.exists)
		DropSlot();
	return BeginAnew(changelog, channel);
}

} // namespace txsync::worker
