#pragma once
// Lines of the stream that are no changes: they say what is common to the changes of a transaction, or what became of
// one whose changes were told before its commit.

#include "core/buffer.h"

#include <cstdint>
#include <string_view>

namespace txsync::core {

struct Control
{
	enum class Kind : uint8_t
	{
		kBegin, // the lines that follow, up to the next control line, are of this transaction, which has committed
		kStart, // the lines that follow, up to stop, are of this transaction
		kStop,
		kAbort,   // forget the transaction, or what its subtransaction `subxid` told
		kCommit,  // all that it told has happened
		kPrepare, // all that it told may yet happen
		kCommitPrepared,
		kRollbackPrepared,
	};

	Kind kind = Kind::kStart;
	uint32_t xid = 0;
	uint32_t subxid = 0;                // abort: 0 for the whole transaction
	std::string_view gid = {};          // the prepared ones
	uint64_t commit_lsn = 0;            // commits: what stands for 0/0 in the positions of its changes; begin
	std::string_view committed_at = {}; // commits and begin
};

// One line of JSON, without a newline.
void Write(Buffer &out, const Control &control);

} // namespace txsync::core
