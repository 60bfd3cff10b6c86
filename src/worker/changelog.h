#pragma once
// The changelog's tables, written in transactions of the worker's.

#include "worker/collector.h"

namespace txsync::worker {

struct State
{
	bool has_begun; // here, and not where this database is a copy from
	int64_t epoch;
	XLogRecPtr position; // the end of the last transaction in the changelog
	int64_t last_id;
	bool paused;
};

class Changelog
{
public:
	State Load();

	// A changelog that begins at `position`.
	void Begin(XLogRecPtr position);

	// Writes what was collected, moves the position there and notifies, all in one transaction, which is flushed then.
	// On the channel, if it has a name, each activity is told when `caught_up`; otherwise that there are some.
	void Append(Collector &collected, const char *channel, bool caught_up);

	// Codes in sync_log: what was committed is not captured and will not be; anything else, which may pass.
	static constexpr const char *kGap = "GAP";
	static constexpr const char *kFailed = "CAPTURE_FAILED";

	// Notes an error where admins will look for it.
	void NoteError(const std::string &code, const std::string &message);

private:
	State state_ = {};
};

} // namespace txsync::worker
