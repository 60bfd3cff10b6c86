#pragma once
// The changelog: its rows and how far it goes, written together.

#include "worker/collector.h"
#include "worker/state.h"

namespace txsync::worker {

class Changelog
{
public:
	// Reads how far it goes. Called first, and when somebody else may have written that.
	const State &Load();

	const State &
	Now() const
	{
		return state_;
	}

	// Writes what was collected, moves the position there and notifies, all in one transaction, which is flushed then.
	// On the channel, if it has a name, `each` activity is told, or only that there are some.
	void Append(Collector &collected, const char *channel, bool each);

	// The same in a new epoch. A gap is over.
	void Begin(Collector &collected, const char *channel);

	// Goes on in a new epoch, with nothing missing.
	void BeginEpoch();

	// Nothing was committed up to here that belongs in the changelog.
	void Advance(XLogRecPtr position);

	// Makes up for notifications that found no room, if there is some now.
	void MakeUpNotifying(const char *channel);

	// In front of WAL that is not to be had any more.
	void StopAt(const Gap &gap, const std::string &message);

	void NoteError(const std::string &message);

private:
	void Write(State &next, Collector &collected, const char *channel, bool each);

	State state_;
};

} // namespace txsync::worker
