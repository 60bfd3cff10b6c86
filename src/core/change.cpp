#include "core/change.h"

#include "core/json.h"

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

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
	}
	return {};
}

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
WriteValue(Buffer &out, const ValueWriter &value)
{
	if (value)
		value(out);
	else
		out.Append("null");
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

} // namespace

void
Write(Buffer &out, const Change &change)
{
	out.Append("{\"activityId\":null,\"position\":\"");
	Write(out, change.position);
	if (change.committed_at.empty()) {
		out.Append("\",\"committedAt\":null,\"entityType\":");
	} else {
		out.Append("\",\"committedAt\":\"");
		out.Append(change.committed_at);
		out.Append("\",\"entityType\":");
	}
	json::StringOrNull(out, change.entity_type);
	out.Append(",\"entityId\":");
	json::StringOrNull(out, change.entity_id);
	out.Append(",\"organizationId\":");
	json::StringOrNull(out, change.organization_id);
	out.Append(",\"action\":\"");
	out.Append(Name(change.action));
	out.Append("\",\"changedKeys\":");
	if (change.changed_keys.known)
		WriteNames(out, change.changed_keys.names);
	else
		out.Append("null");
	out.Append(",\"tx\":");
	Write(out, change.tx);
	out.Append(",\"version\":");
	json::StringOrNull(out, change.version);
	out.Append(",\"rowVersion\":null,\"data\":");
	WriteValue(out, change.data);
	WriteOptional(out, change);
	out.Append('}');
}

} // namespace txsync::core
