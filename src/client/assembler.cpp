#include "client/assembler.h"

#include <algorithm>

namespace txsync::client {

using Kind = core::Control::Kind;

void
Assembler::Reset()
{
	undecided_.Clear();
	prepared_.clear();
	reached_ = written_ = safe_ = 0;
}

void
Assembler::Begin(Lsn confirmed)
{
	// What is confirmed stays so: the changes of a long transaction have LSNs from before.
	reached_ = std::max(Confirmable(), confirmed);
	written_ = std::max(written_, confirmed);
	safe_ = std::max(safe_, confirmed);
	undecided_.Clear();
	prepared_.clear();
	block_ = 0;
}

// A message has lines of one transaction only; a keepalive has none.
void
Assembler::Take(const Message &message, const Sink &sink)
{
	std::string_view lines = message.lines;
	bool decided = true;
	while (!lines.empty()) {
		std::string_view line = lines.substr(0, lines.find('\n'));
		if (IsControl(line)) {
			decided = TakeControl(ParseControl(line), sink);
		} else if (block_ != 0) {
			undecided_.Add(block_, line);
			decided = false;
		} else {
			HandOut(lines, sink);
			break;
		}
		lines.remove_prefix(line.size() + 1);
	}
	// What is undecided must not be confirmed, and the LSNs of its messages may be behind its PREPARE.
	if (decided)
		Reach(message.lsn);
}

// Lines of a transaction that has committed.
void
Assembler::HandOut(std::string_view lines, const Sink &sink)
{
	static constexpr size_t kKeepBytes = 1 << 20;
	client::Settle(settled_, lines, commit_);
	if (!IsRepeating() || CommitLsnOf(settled_.View()) >= written_)
		sink(settled_.View());
	settled_.Clear(kKeepBytes);
}

// Whether the line says what has become of something, rather than what may become.
bool
Assembler::TakeControl(const ControlLine &control, const Sink &sink)
{
	switch (control.kind) {
	case Kind::kBegin:
		commit_ = control;
		return true;
	case Kind::kStart:
		block_ = control.xid;
		return false;
	case Kind::kStop:
		block_ = 0;
		return false;
	case Kind::kPrepare:
		prepared_.emplace(control.xid, reached_);
		return false;
	case Kind::kAbort:
		if (control.subxid != 0)
			undecided_.Forget(control.xid, control.subxid);
		else
			undecided_.Forget(control.xid);
		return true;
	case Kind::kRollbackPrepared:
		undecided_.Forget(control.xid);
		break;
	case Kind::kCommit:
	case Kind::kCommitPrepared:
		Settle(control, sink);
		break;
	}
	prepared_.erase(control.xid);
	return true;
}

void
Assembler::Settle(const ControlLine &commit, const Sink &sink)
{
	if (IsRepeating() && commit.commit_lsn < written_)
		undecided_.Forget(commit.xid);
	else
		undecided_.Settle(commit, sink);
}

// A stream that begins at an undecided PREPARE tells again what was written since.
bool
Assembler::IsRepeating() const
{
	return reached_ < written_;
}

void
Assembler::Reach(Lsn lsn)
{
	reached_ = std::max(reached_, lsn);
	written_ = std::max(written_, reached_);
}

Lsn
Assembler::Confirmable() const
{
	Lsn least = reached_;
	for (const auto &[xid, before] : prepared_)
		least = std::min(least, before);
	return least;
}

} // namespace txsync::client
