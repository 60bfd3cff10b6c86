#include "core/change.h"

#include "core/json.h"

#include "core/no_postgres.h"

namespace txsync::core {

std::string_view
Name(Action action)
{
	switch (action) {
	case Action::kCreate:
		return "create";
	case Action::kUpdate:
		return "update";
	case Action::kDelete:
		return "delete";
	case Action::kTruncate:
		return "truncate";
	case Action::kEvent:
		return "event";
	case Action::kGap:
		return "gap";
	case Action::kVisibility:
		return "visibility";
	}
	return {};
}

std::optional<Action>
ActionOf(std::string_view name)
{
	for (Action action : {Action::kCreate, Action::kUpdate, Action::kDelete, Action::kTruncate, Action::kEvent,
						  Action::kGap, Action::kVisibility}) {
		if (Name(action) == name)
			return action;
	}
	return {};
}

namespace {

void
WriteNames(Buffer &out, std::span<const std::string_view> names)
{
	char separator = '[';
	if (names.empty())
		out.Append(separator);
	for (std::string_view name : names) {
		out.Append(separator);
		json::String(out, name);
		separator = ',';
	}
	out.Append(']');
}

void
WriteOptional(Buffer &out, const Change &change)
{
	if (!change.unchanged_keys.empty()) {
		out.Append(",\"unchangedKeys\":");
		WriteNames(out, change.unchanged_keys);
	}
	if (change.old_key) {
		out.Append(",\"oldKey\":");
		change.old_key(out);
	}
	if (change.old) {
		out.Append(",\"old\":");
		change.old(out);
	}
	if (change.versions) {
		out.Append(",\"versions\":");
		change.versions(out);
	}
	if (!change.origin.empty()) {
		out.Append(",\"origin\":");
		json::String(out, change.origin);
	}
	if (!change.tx_error.empty()) {
		out.Append(",\"txError\":");
		json::String(out, change.tx_error);
	}
	if (!change.annotation.empty()) {
		out.Append(",\"annotation\":");
		out.Append(change.annotation);
	}
	if (change.truncated)
		out.Append(",\"truncated\":true");
	if (change.xid != 0) {
		out.Append(",\"xid\":");
		json::Integer(out, change.xid);
	}
}

// The members that every change has; those that are null only in whole lines.
class Members
{
public:
	Members(Buffer &out, Form form)
		: out_(out)
		, whole_(form == Form::kWhole)
	{}

	void
	Text(std::string_view key, std::string_view text)
	{
		if (text.data() == nullptr)
			return Null(key);
		out_.Append(key);
		json::String(out_, text);
	}

	void
	Null(std::string_view key)
	{
		if (!whole_)
			return;
		out_.Append(key);
		out_.Append("null");
	}

private:
	Buffer &out_;
	bool whole_;
};

// A change that belongs to no transaction (it has a commit LSN, but no time of a commit) has no begin line either.
void
WritePlace(Buffer &out, const Change &change, Form form)
{
	bool alone = change.committed_at.empty() && change.position.commit_lsn != 0;
	if (form == Form::kCompact) {
		out.Append("{\"position\":\"");
	} else if (change.activity_id == 0) {
		out.Append("{\"activityId\":null,\"position\":\"");
	} else {
		out.Append("{\"activityId\":");
		json::Integer(out, change.activity_id);
		out.Append(",\"position\":\"");
	}
	if (form == Form::kWhole || alone)
		Write(out, change.position);
	else
		WriteBrief(out, change.position);
	out.Append('"');
	if (form == Form::kCompact)
		return;
	if (change.committed_at.empty()) {
		out.Append(",\"committedAt\":null");
	} else {
		out.Append(",\"committedAt\":\"");
		out.Append(change.committed_at);
		out.Append('"');
	}
}

void
WriteTx(Buffer &out, const Change &change, Form form)
{
	if (form == Form::kWhole || !change.tx.IsNull()) {
		out.Append(",\"tx\":");
		Write(out, change.tx, form);
	}
	bool has_version = change.version.data() != nullptr;
	bool is_txs = has_version != change.tx.IsNull() && (!has_version || change.version == change.tx.transaction_id);
	if (form == Form::kWhole || !is_txs) {
		out.Append(",\"version\":");
		json::StringOrNull(out, change.version);
	}
}

// In the compact form a create is the first write, and anything else unknown, unless it says otherwise.
void
WriteRowVersion(Buffer &out, const Change &change, Form form)
{
	uint64_t expected = change.action == Action::kCreate ? 1 : 0;
	if (form == Form::kCompact && change.row_version == expected)
		return;
	out.Append(",\"rowVersion\":");
	if (change.row_version == 0)
		out.Append("null");
	else
		json::Integer(out, static_cast<int64_t>(change.row_version));
}

} // namespace

void
Write(Buffer &out, const Change &change, Form form)
{
	Members members(out, form);
	WritePlace(out, change, form);
	members.Text(",\"entityType\":", change.entity_type);
	members.Text(",\"entityId\":", change.entity_id);
	members.Text(",\"organizationId\":", change.organization_id);
	out.Append(",\"action\":\"");
	out.Append(Name(change.action));
	out.Append('"');
	if (change.changed_keys.known) {
		out.Append(",\"changedKeys\":");
		WriteNames(out, change.changed_keys.names);
	} else {
		members.Null(",\"changedKeys\":");
	}
	WriteTx(out, change, form);
	WriteRowVersion(out, change, form);
	if (change.data) {
		out.Append(",\"data\":");
		change.data(out);
	} else {
		members.Null(",\"data\":");
	}
	WriteOptional(out, change);
	out.Append('}');
}

} // namespace txsync::core
