#pragma once
// What the decoder tells, kept until it is written to the changelog: the callbacks that it comes from run in a
// transaction that the server rolls back.

#include "core/activity.h"
#include "decoder/sink.h"

extern "C" {
#include "storage/fd.h"
}

namespace txsync::worker {

class Collector final : public decoder::Sink
{
public:
	Collector() = default;
	~Collector();
	Collector(const Collector &) = delete;

	void BeginTransaction(const ReorderBufferTXN &txn) override;
	void EndTransaction() override;

	core::Buffer &
	Begin() override
	{
		entries_.Truncate(complete_);
		return entries_;
	}

	void End() override;
	void Write(core::Buffer &out, const core::Change &change, std::string_view old_organization) override;

	void
	Tell(const core::Control &) override
	{}

	void
	Flush() override
	{}

	void
	Step() override
	{}

	// What no transaction in the WAL has told.
	void Add(const core::Activity &activity);

	// The changelog goes up to here, whatever the last transaction is.
	void
	ReachTo(XLogRecPtr position)
	{
		reached_ = position;
	}

	// The end of the last transaction in here.
	XLogRecPtr
	Reached() const
	{
		return reached_;
	}

	// When that committed.
	TimestampTz
	CommittedAt() const
	{
		return committed_at_;
	}

	// Whether every transaction in here is over for others, too: the WAL has a commit before they see what it did, and
	// long before it if a standby has to confirm it. Whoever was told by then would read the rows as they were.
	bool IsOver();

	uint64_t
	Count() const
	{
		return count_;
	}

	// Calls take(activity) for each in order; what it is given is valid during the call.
	template <class F>
	void
	Read(F &&take)
	{
		std::string_view bytes;
		while (Next(bytes)) {
			while (!bytes.empty()) {
				core::Load(bytes, activity_);
				take(activity_);
			}
		}
	}

	void Clear();

private:
	void WriteData(const core::Change &change);
	bool Next(std::string_view &bytes);
	void Spill();
	void Transfer(void *bytes, size_t size, bool write);

	core::Buffer entries_;
	size_t complete_ = 0;
	uint64_t count_ = 0;
	std::vector<TransactionId> in_progress_; // when their commits were read
	core::Activity activity_;
	core::Buffer data_;
	XLogRecPtr reached_ = InvalidXLogRecPtr;

	// The transaction that is being told.
	TransactionId xid_ = InvalidTransactionId;
	uint64_t first_ = 0; // of its entries
	TimestampTz committed_at_ = 0;
	XLogRecPtr end_ = InvalidXLogRecPtr;

	// What did not fit into memory, in pieces, each behind its length.
	File file_ = -1;
	off_t spilled_ = 0;
	off_t read_ = 0;
	bool memory_read_ = false;
	core::Buffer piece_;
};

} // namespace txsync::worker
