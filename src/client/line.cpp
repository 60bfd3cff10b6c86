#include "client/line.h"

#include "client/failure.h"
#include "core/compact.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace txsync::client {

using core::Control;
using Json = nlohmann::json;

static constexpr std::string_view kControl = "{\"control\":\"";
static constexpr std::string_view kHead = "{\"activityId\":null,\"position\":\"";
static constexpr std::string_view kXid = ",\"xid\":";

[[noreturn]] static void
ThrowUnknown(std::string_view line)
{
	static constexpr size_t kShown = 200;
	throw Failure(ExitCode::kOther,
				  "the server sent a line that this version does not know: " + std::string(line.substr(0, kShown)));
}

bool
IsControl(std::string_view lines)
{
	return lines.starts_with(kControl);
}

ControlLine
ParseControl(std::string_view line)
{
	static const std::pair<std::string_view, Control::Kind> kKinds[] = {
		{"begin", Control::Kind::kBegin},
		{"start", Control::Kind::kStart},
		{"stop", Control::Kind::kStop},
		{"abort", Control::Kind::kAbort},
		{"commit", Control::Kind::kCommit},
		{"prepare", Control::Kind::kPrepare},
		{"commitPrepared", Control::Kind::kCommitPrepared},
		{"rollbackPrepared", Control::Kind::kRollbackPrepared},
	};
	try {
		Json json = Json::parse(line);
		const auto &name = json.at("control").get_ref<const std::string &>();
		for (const auto &[known, kind] : kKinds) {
			if (name != known)
				continue;
			ControlLine control;
			control.kind = kind;
			control.xid = json.at("xid");
			control.subxid = json.value("subxid", 0U);
			if (json.contains("commitLsn")) {
				control.commit_lsn = ParseLsn(json.at("commitLsn")).value_or(0);
				control.committed_at = json.at("committedAt");
			}
			return control;
		}
	} catch (const Json::exception &) {
		// as for a name that we do not know
	}
	ThrowUnknown(line);
}

Foretold
ParseForetold(std::string_view line)
{
	size_t xid = line.rfind(kXid);
	if (xid == line.npos || !line.ends_with('}'))
		ThrowUnknown(line);
	Foretold change;
	const char *digits = line.data() + xid + kXid.size();
	const char *brace = line.data() + line.size() - 1;
	if (std::from_chars(digits, brace, change.xid).ptr != brace || digits == brace)
		ThrowUnknown(line);
	change.text = line.substr(0, xid);
	return change;
}

void
Settle(core::Buffer &out, std::string_view lines, const ControlLine &commit)
{
	std::string lsn = FormatLsn(commit.commit_lsn);
	while (!lines.empty()) {
		std::string_view line = lines.substr(0, lines.find('\n'));
		if (!core::Expand(out, line, {lsn, commit.committed_at}))
			ThrowUnknown(line);
		out.Append('\n');
		lines.remove_prefix(std::min(line.size() + 1, lines.size()));
	}
}

Lsn
CommitLsnOf(std::string_view lines)
{
	std::string_view position = lines.substr(0, lines.find('-'));
	std::optional<Lsn> lsn;
	if (position.starts_with(kHead))
		lsn = ParseLsn(std::string(position.substr(kHead.size())));
	if (!lsn)
		ThrowUnknown(lines.substr(0, lines.find('\n')));
	return *lsn;
}

} // namespace txsync::client
