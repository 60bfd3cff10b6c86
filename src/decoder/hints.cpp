#include "decoder/hints.h"

#include <optional>

namespace txsync::decoder {

namespace {

// Of one message: keys come short, an organization may be any text, and anybody can write messages.
constexpr size_t kMaxBytes = size_t{1} << 20;

} // namespace

void
Hints::Add(uint32_t subtransaction, std::string_view message)
{
	// Only a hint may take the place of the one that has waited longest.
	if (message.size() > kMaxBytes || !core::ParseHint(message))
		return;
	Entry &entry = entries_[next_];
	entry.text = message;
	entry.hint = *core::ParseHint(entry.text); // views into the copy
	entry.subtransaction = subtransaction;
	next_ = (next_ + 1) % entries_.size();
	waiting_ = waiting_ < entries_.size() ? waiting_ + 1 : waiting_;
}

const core::Hint *
Hints::Take(core::Hint::Kind kind, uint32_t relation, std::string_view key)
{
	// The newest first: a statement that was retried on a newer row may have left an older hint for the same key.
	for (size_t back = 1; back <= waiting_; back++) {
		core::Hint &hint = entries_[(next_ + entries_.size() - back) % entries_.size()].hint;
		if (hint.kind == kind && hint.relation == relation && hint.key == key) {
			hint.relation = 0;
			if (back == waiting_)
				waiting_--;
			return &hint;
		}
	}
	return nullptr;
}

void
Hints::Clear()
{
	waiting_ = 0;
}

void
Hints::Forget(uint32_t subtransaction)
{
	for (Entry &entry : entries_) {
		if (entry.subtransaction == subtransaction)
			entry.hint.relation = 0;
	}
}

} // namespace txsync::decoder
