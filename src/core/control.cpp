#include "core/control.h"

#include "core/json.h"
#include "core/position.h"

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

std::string_view
Name(Control::Kind kind)
{
	switch (kind) {
	case Control::Kind::kBegin:
		return "begin";
	case Control::Kind::kStart:
		return "start";
	case Control::Kind::kStop:
		return "stop";
	case Control::Kind::kAbort:
		return "abort";
	case Control::Kind::kCommit:
		return "commit";
	case Control::Kind::kPrepare:
		return "prepare";
	case Control::Kind::kCommitPrepared:
		return "commitPrepared";
	case Control::Kind::kRollbackPrepared:
		return "rollbackPrepared";
	}
	return {};
}

} // namespace

void
Write(Buffer &out, const Control &control)
{
	out.Append("{\"control\":\"");
	out.Append(Name(control.kind));
	out.Append("\",\"xid\":");
	json::Integer(out, control.xid);
	if (control.subxid != 0) {
		out.Append(",\"subxid\":");
		json::Integer(out, control.subxid);
	}
	if (!control.gid.empty()) {
		out.Append(",\"gid\":");
		json::String(out, control.gid);
	}
	if (control.commit_lsn != 0) {
		out.Append(",\"commitLsn\":\"");
		WriteLsn(out, control.commit_lsn);
		out.Append("\",\"committedAt\":");
		json::String(out, control.committed_at);
	}
	out.Append('}');
}

} // namespace txsync::core
