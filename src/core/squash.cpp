#include "core/squash.h"

#include "core/squash_runs.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

// What stands for the runs of one entity, which come in their order.
class Results
{
public:
	Results(std::span<const QueuedOp> ops, std::span<const QueuedIds> ids)
		: ops_(ops)
		, ids_(ids)
	{}

	// The run is used for as long as this is.
	SquashedOp
	Next(const Run &run)
	{
		SquashedOp result = Result(run);
		AddIds(run);
		return result;
	}

private:
	SquashedOp
	Result(const Run &run) const
	{
		SquashedOp result;
		result.base = run.Place();
		result.id = run.ops.back();
		result.expected = run.guard.value_or(run.ops.front());
		if (run.guard && ops_[*run.guard].changed_field.data() != nullptr)
			result.expected_field = run.guard;
		if (run.kind == Run::Kind::kCreate)
			result.values.assign(run.ops.begin() + 1, run.ops.end());
		else if (run.kind == Run::Kind::kSum && run.ops.size() > 1)
			result.values = run.ops;
		if (!ops_[result.base].sent)
			Rename(result);
		AddReplaced(run, result);
		return result;
	}

	// What is expected may be an op that others stand for now.
	void
	Rename(SquashedOp &result) const
	{
		if (ops_[result.expected].expected.data() == nullptr)
			return;
		const std::string &id = ids_[result.expected].expected;
		auto others = by_id_.find(id);
		if (others == by_id_.end())
			return;
		for (const Run *run : others->second) {
			size_t last = run->ops.back();
			if (ids_[last].own != id) {
				result.expected = last;
				result.expected_is_id = true;
				return;
			}
		}
	}

	void
	AddReplaced(const Run &run, SquashedOp &result) const
	{
		std::unordered_set<std::string_view> known{ops_[result.id].transaction_id};
		auto add = [&](std::string_view id) {
			if (known.insert(id).second)
				result.replaces.push_back(id);
		};
		for (const std::vector<size_t> *ops : {&run.swallowed, &run.ops}) {
			for (size_t op : *ops) {
				std::for_each(ops_[op].replaces.begin(), ops_[op].replaces.end(), add);
				if (run.kind != Run::Kind::kSum)
					add(ops_[op].transaction_id);
			}
		}
	}

	void
	AddIds(const Run &run)
	{
		auto add = [&](const std::string &id) {
			std::vector<const Run *> &runs = by_id_[id];
			if (runs.empty() || runs.back() != &run)
				runs.push_back(&run);
		};
		for (size_t op : run.ops) {
			add(ids_[op].own);
			std::for_each(ids_[op].replaces.begin(), ids_[op].replaces.end(), add);
		}
	}

	std::span<const QueuedOp> ops_;
	std::span<const QueuedIds> ids_;
	std::unordered_map<std::string_view, std::vector<const Run *>> by_id_; // so far, by the ids that they stand for
};

} // namespace

std::vector<SquashedOp>
Squash(std::span<const QueuedOp> ops, void (*pause)())
{
	std::vector<QueuedIds> ids(ops.begin(), ops.end());
	std::vector<std::pair<size_t, SquashedOp>> placed;
	std::vector<std::vector<Run>> entities = FindRuns(ops, ids, pause);
	for (const std::vector<Run> &runs : entities) {
		Results results(ops, ids);
		for (const Run &run : runs) {
			if (pause != nullptr)
				pause();
			placed.emplace_back(run.Place(), results.Next(run));
		}
	}
	std::sort(placed.begin(), placed.end(), [](const auto &a, const auto &b) { return a.first < b.first; });
	std::vector<SquashedOp> squashed;
	squashed.reserve(placed.size());
	for (auto &[place, result] : placed)
		squashed.push_back(std::move(result));
	return squashed;
}

} // namespace txsync::core
