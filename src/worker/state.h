#pragma once
// How far the changelog goes: this database's row of capture_state. Called in a transaction with pg::Spi connected.

#include "pg/spi.h"

#include <optional>

extern "C" {
#include "access/transam.h"
#include "access/xlogdefs.h"
}

namespace txsync::worker {

// WAL that is not in the changelog and will not be.
struct Gap
{
	XLogRecPtr from;
	XLogRecPtr to; // as far as it is known
	bool healed = false;
};

struct State
{
	enum class Reset
	{
		kNone,
		kSkip, // go on behind the gap
		kHeal, // and write what the tables hold that the changelog does not say
	};

	bool has_begun = false; // here, and not where this database is a copy from
	int64_t epoch = 0;
	TimeLineID timeline = 0;
	XLogRecPtr position = InvalidXLogRecPtr; // the end of the last transaction in the changelog
	FullTransactionId horizon = {};          // what it does not have is not of an older one
	int64_t last_id = 0;
	bool missed = false; // those who listen have not been told of the last one
	bool failed = false; // an error is noted
	bool paused = false;
	std::optional<Gap> gap; // in front of which it stopped
	Reset reset = Reset::kNone;
};

State LoadState(pg::Spi &spi);

// All but `paused`, which is others' to write, and the gap; an error that was noted is over.
void SaveState(pg::Spi &spi, const State &state);

// Above all that this database has seen.
int64_t NewEpoch(pg::Spi &spi);

// The changelog goes on behind it; so many activities make up for it.
void EndGap(pg::Spi &spi, const Gap &gap, uint64_t activities);

// Notes what keeps capture from going on, for `txsync.capture` and sync_log; once, however often it fails again for the
// same reason.
void NoteError(pg::Spi &spi, const std::string &message);
void NoteGap(pg::Spi &spi, const Gap &gap, const std::string &message);

// As JSON.
std::string PayloadOf(const Gap &gap);

} // namespace txsync::worker
