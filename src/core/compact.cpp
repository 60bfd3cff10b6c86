#include "core/compact.h"

#include "core/scan.h"

#include <algorithm>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

constexpr std::string_view kPosition = "{\"position\":\"";

// Takes a text off the front of another.
bool
Take(std::string_view &text, std::string_view prefix)
{
	if (!text.starts_with(prefix))
		return false;
	text.remove_prefix(prefix.size());
	return true;
}

std::string_view
TakeValue(std::string_view &text)
{
	std::string_view value = text.substr(0, EndOfValue(text));
	text.remove_prefix(value.size());
	return value;
}

// Moves a member from the front of `line`; if it is not there it is `otherwise`. Returns its value.
std::string_view
Move(Buffer &out, std::string_view &line, std::string_view key, std::string_view otherwise = "null")
{
	std::string_view value = Take(line, key) ? TakeValue(line) : otherwise;
	out.Append(key);
	out.Append(value);
	return value;
}

// A change that is part of no transaction has a position of its own, and no time.
void
WritePosition(Buffer &out, std::string_view position, const Commit &commit)
{
	auto dashes = std::count(position.begin(), position.end(), '-');
	out.Append("{\"activityId\":null,\"position\":\"");
	if (dashes < 2) {
		out.Append(commit.lsn);
		out.Append('-');
	}
	out.Append(position);
	out.Append(dashes == 0 ? "-0\",\"committedAt\":" : "\",\"committedAt\":");
	if (dashes < 2) {
		out.Append('"');
		out.Append(commit.committed_at);
		out.Append('"');
	} else {
		out.Append("null");
	}
}

// Moves tx; returns the id, as which `version` may stand.
std::string_view
MoveTx(Buffer &out, std::string_view &line)
{
	constexpr std::string_view kKey = ",\"tx\":";
	constexpr std::string_view kId = "{\"transactionId\":";
	constexpr std::string_view kField = ",\"changedField\":"; // with quotes as they never stand in a string
	std::string_view tx = Take(line, kKey) ? TakeValue(line) : "null";
	out.Append(kKey);
	if (tx.ends_with('}') && tx.find(kField) == tx.npos) {
		out.Append(tx.substr(0, tx.size() - 1));
		out.Append(kField);
		out.Append("null}");
	} else {
		out.Append(tx);
	}
	return Take(tx, kId) ? tx.substr(0, EndOfValue(tx)) : "null";
}

} // namespace

bool
Expand(Buffer &out, std::string_view line, const Commit &commit)
{
	std::string_view rest = line;
	if (!Take(rest, kPosition))
		return false;
	std::string_view position = rest.substr(0, rest.find('"'));
	rest.remove_prefix(position.size());
	if (!Take(rest, "\""))
		return false;
	WritePosition(out, position, commit);
	for (std::string_view key : {",\"entityType\":", ",\"entityId\":", ",\"organizationId\":"})
		Move(out, rest, key);
	std::string_view action = Move(out, rest, ",\"action\":");
	Move(out, rest, ",\"changedKeys\":");
	std::string_view id = MoveTx(out, rest);
	Move(out, rest, ",\"version\":", id);
	Move(out, rest, ",\"rowVersion\":", action == "\"create\"" ? "1" : "null");
	constexpr std::string_view kData = ",\"data\":";
	if (!rest.starts_with(kData)) {
		out.Append(kData);
		out.Append("null");
	}
	out.Append(rest);
	return true;
}

} // namespace txsync::core
