#include "worker/collector.h"

#include "pg/call.h"

extern "C" {
#include "storage/procarray.h"
#include "utils/wait_event.h"
}

namespace txsync::worker {

namespace {

constexpr size_t kInMemory = size_t{16} << 20;

// No notification holds more.
constexpr size_t kMaxData = 8000;

bool
IsInProgress(TransactionId xid)
{
	return pg::Call([&] { return TransactionIdIsInProgress(xid); });
}

} // namespace

Collector::~Collector()
{
	if (file_ >= 0)
		FileClose(file_);
}

void
Collector::BeginTransaction(const ReorderBufferTXN &txn)
{
	xid_ = txn.xid;
	first_ = count_;
	committed_at_ = txn.xact_time.commit_time;
	end_ = txn.end_lsn;
}

void
Collector::EndTransaction()
{
	reached_ = end_;
	if (count_ > first_ && IsInProgress(xid_))
		in_progress_.push_back(xid_);
}

bool
Collector::IsOver()
{
	std::erase_if(in_progress_, [](TransactionId xid) { return !IsInProgress(xid); });
	return in_progress_.empty();
}

void
Collector::End()
{
	complete_ = entries_.Size();
	count_++;
	if (complete_ > kInMemory)
		Spill();
}

void
Collector::Write(core::Buffer &out, const core::Change &change, std::string_view old_organization)
{
	activity_.position = change.position;
	activity_.xid = xid_;
	activity_.committed_at = committed_at_;
	activity_.action = change.action;
	activity_.entity_type = change.entity_type;
	activity_.entity_id = change.entity_id;
	activity_.organization_id = change.organization_id;
	activity_.SetOldOrganization(old_organization);
	activity_.changed_keys_known = change.changed_keys.known;
	activity_.changed_keys.assign(change.changed_keys.names.begin(), change.changed_keys.names.end());
	activity_.tx = change.tx;
	activity_.version = change.version;
	activity_.row_version = change.row_version;
	activity_.origin = change.origin;
	activity_.annotation = change.annotation;
	WriteData(change);
	core::Store(out, activity_);
}

// The data of an event are its payload, which stays in the changelog; others' go into a notification, if they fit.
void
Collector::WriteData(const core::Change &change)
{
	activity_.payload = activity_.data = {};
	if (!change.data)
		return;
	bool is_event = change.action == core::Action::kEvent;
	data_.Clear(kMaxData);
	data_.LimitTo(is_event ? SIZE_MAX : kMaxData);
	try {
		change.data(data_);
	} catch (const core::BufferFull &) {
		return;
	}
	(is_event ? activity_.payload : activity_.data) = data_.View();
}

void
Collector::Add(const core::Activity &activity)
{
	core::Store(Begin(), activity);
	End();
}

// The next bytes of the file, to or from memory.
void
Collector::Transfer(void *bytes, size_t size, bool write)
{
	pg::Call([&] {
		auto count = static_cast<int>(size);
		off_t &at = write ? spilled_ : read_;
		int done = write ? FileWrite(file_, static_cast<char *>(bytes), count, at, WAIT_EVENT_BUFFILE_WRITE)
						 : FileRead(file_, static_cast<char *>(bytes), count, at, WAIT_EVENT_BUFFILE_READ);
		if (done != count)
			ereport(ERROR, (errcode_for_file_access(), errmsg("could not keep changes in a temporary file: %m")));
		at += count;
	});
}

// The file is not the transaction's that the server rolls back: it outlives that.
void
Collector::Spill()
{
	if (file_ < 0)
		file_ = pg::Call([] { return OpenTemporaryFile(true); });
	uint64_t size = complete_;
	Transfer(&size, sizeof size, true);
	Transfer(const_cast<char *>(entries_.View().data()), complete_, true);
	entries_.Clear(2 * kInMemory);
	complete_ = 0;
}

bool
Collector::Next(std::string_view &bytes)
{
	if (read_ < spilled_) {
		uint64_t size = 0;
		Transfer(&size, sizeof size, false);
		piece_.Clear(2 * kInMemory);
		char *to = piece_.Reserve(size);
		Transfer(to, size, false);
		piece_.CommitTo(to + size);
		bytes = piece_.View();
		return true;
	}
	if (memory_read_ || complete_ == 0)
		return false;
	memory_read_ = true;
	bytes = entries_.View().substr(0, complete_);
	return true;
}

void
Collector::Clear()
{
	if (spilled_ > 0)
		pg::Call([&] { FileTruncate(file_, 0, WAIT_EVENT_BUFFILE_TRUNCATE); });
	entries_.Clear(2 * kInMemory);
	piece_.Clear(0);
	complete_ = 0;
	count_ = 0;
	in_progress_.clear();
	spilled_ = read_ = 0;
	memory_read_ = false;
}

} // namespace txsync::worker
