#include "core/conflict.h"

#include <algorithm>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

bool
IsExpected(const std::string &server_id, std::string_view expected)
{
	return server_id.empty() || (expected.data() != nullptr && SameId(server_id, expected));
}

bool
IsIn(const std::string &server_id, std::span<const std::string_view> ids)
{
	return std::any_of(ids.begin(), ids.end(), [&](std::string_view id) { return SameId(server_id, id); });
}

// Of a field, without `replaces`.
Verdict
JudgeField(const Versions &versions, uint32_t field, std::string_view expected)
{
	if (auto version = versions.Find(field)) {
		bool conflict = !IsExpected(version->id, expected);
		return {conflict, std::move(version->id)};
	}
	std::string creator = versions.Creator();
	bool conflict = expected.data() != nullptr && !IsExpected(creator, expected);
	return {conflict, std::move(creator)};
}

Verdict
JudgeRow(const Versions &versions, std::string_view expected)
{
	std::string last = versions.Last();
	bool conflict = !IsExpected(last, expected);
	return {conflict, std::move(last)};
}

} // namespace

bool
SameId(std::string_view a, std::string_view b)
{
	if (a == b)
		return true;
	auto hlc = ParseHlc(a);
	return hlc && hlc == ParseHlc(b);
}

Verdict
Judge(const EntityState &state, const Attempt &attempt)
{
	if (state.versions == nullptr) {
		bool deleted = state.tombstone.data() != nullptr;
		return {deleted, std::string(state.tombstone)};
	}
	Verdict verdict = attempt.field ? JudgeField(*state.versions, *attempt.field, attempt.expected)
									: JudgeRow(*state.versions, attempt.expected);
	if (verdict.conflict && IsIn(verdict.server_id, attempt.replaces)) {
		bool whole = attempt.kind == Attempt::Kind::kDelete;
		verdict.conflict = whole && !IsIn(state.versions->Last(), attempt.replaces);
	}
	return verdict;
}

bool
IsNewer(const Hlc &id, const Stamp &ceiling, std::string_view last_id, const Stamp &last)
{
	Stamp stamp = std::min(Stamp{id.wall_ms, id.logical}, ceiling);
	if (stamp > last)
		return true;
	auto other = ParseHlc(last_id);
	if (!other)
		return stamp == last;
	// Of an id from before, the stamp tells what was overwritten.
	bool ids_decide = stamp == last || (stamp.wall_ms == last.wall_ms && other->wall_ms >= last.wall_ms);
	return ids_decide && id > *other;
}

} // namespace txsync::core
