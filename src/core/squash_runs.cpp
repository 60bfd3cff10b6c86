#include "core/squash_runs.h"

#include "core/hlc.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

using Action = OpAction;

std::string
Canonical(std::string_view id)
{
	auto hlc = ParseHlc(id);
	return hlc ? ToString(*hlc) : std::string(id);
}

// Whether JSON may hold the text of an id. One that JSON would not write as it is may be anywhere.
bool
MayName(std::string_view json, std::string_view id)
{
	auto is_escaped = [](char c) { return c == '"' || c == '\\' || c == '/' || static_cast<unsigned char>(c) < 0x20; };
	if (id.empty() || std::any_of(id.begin(), id.end(), is_escaped))
		return true;
	return json.find(id) != json.npos;
}

struct Entity
{
	bool bound = false;
	std::vector<size_t> runs = {};                            // all
	std::vector<size_t> live = {};                            // those that a delete would swallow
	std::unordered_map<std::string_view, size_t> fields = {}; // the run on each that may go on
	std::optional<size_t> create = {};                        // that takes in what follows
};

class Finder
{
public:
	Finder(std::span<const QueuedOp> ops, std::span<const QueuedIds> ids, void (*pause)())
		: ops_(ops)
		, ids_(ids)
		, pause_(pause)
	{
		for (size_t i = 0; i < ops.size(); i++) {
			uses_[ids[i].own]++;
			EntityOf(ops[i]).bound |= ops[i].bound;
		}
	}

	std::vector<std::vector<Run>>
	Find()
	{
		for (size_t i = 0; i < ops_.size(); i++)
			Take(i);
		std::vector<std::vector<Run>> left;
		left.reserve(entities_.size());
		for (const auto &[name, entity] : entities_) {
			std::vector<Run> &runs = left.emplace_back();
			for (size_t run : entity.runs) {
				if (!runs_[run].gone)
					runs.push_back(std::move(runs_[run]));
			}
		}
		return left;
	}

private:
	void
	Pause() const
	{
		if (pause_ != nullptr)
			pause_();
	}

	Entity &
	EntityOf(const QueuedOp &op)
	{
		return entities_[{op.entity_type, op.entity_id}];
	}

	void
	Take(size_t i)
	{
		Pause();
		const QueuedOp &op = ops_[i];
		Entity &entity = EntityOf(op);
		bool stays = entity.bound || uses_[ids_[i].own] > 1 || (op.sent && op.action != Action::kUpdate);
		if (stays)
			Keep(entity, i);
		else if (op.action == Action::kCreate)
			TakeCreate(entity, i);
		else if (op.action == Action::kDelete)
			TakeDelete(entity, i);
		else if (op.changed_field.data() == nullptr)
			TakeWholeUpdate(entity, i);
		else if (!GoesIntoCreate(entity, i))
			TakeFieldUpdate(entity, i);
		else
			runs_[*entity.create].ops.push_back(i);
	}

	size_t
	Add(Entity &entity, Run run)
	{
		size_t index = runs_.size();
		run.deletions = deletions_;
		runs_.push_back(std::move(run));
		entity.runs.push_back(index);
		entity.live.push_back(index);
		entity.create.reset();
		return index;
	}

	// Nothing of the entity goes on across this place.
	static void
	Close(Entity &entity)
	{
		entity.live.clear();
		entity.fields.clear();
		entity.create.reset();
	}

	void
	Keep(Entity &entity, size_t i)
	{
		Add(entity, {.ops = {i}});
		Close(entity);
		if (ops_[i].action == Action::kCreate)
			creates_.push_back(i);
		deletions_ += ops_[i].action == Action::kDelete ? 1 : 0;
	}

	void
	TakeCreate(Entity &entity, size_t i)
	{
		Close(entity);
		entity.create = Add(entity, {.kind = Run::Kind::kCreate, .ops = {i}});
		creates_.push_back(i);
	}

	void
	TakeWholeUpdate(Entity &entity, size_t i)
	{
		Add(entity, {.ops = {i}});
		entity.fields.clear();
	}

	bool
	GoesIntoCreate(const Entity &entity, size_t i) const
	{
		const QueuedOp &op = ops_[i];
		if (!entity.create || op.sent || op.operation != Operation::kSet)
			return false;
		const Run &create = runs_[*entity.create];
		if (create.deletions != deletions_ || (op.expected.data() != nullptr && !StandsFor(create, ids_[i].expected)))
			return false;
		for (auto other = creates_.rbegin(); *other > create.ops.front(); other++) {
			Pause();
			if (MayName(op.content, ops_[*other].entity_id))
				return false;
		}
		return true;
	}

	void
	TakeFieldUpdate(Entity &entity, size_t i)
	{
		const QueuedOp &op = ops_[i];
		bool is_list = op.operation == Operation::kListInsert || op.operation == Operation::kListRemove;
		if (is_list) {
			entity.fields.erase(op.changed_field);
			Add(entity, {.ops = {i}});
			return;
		}
		std::optional<size_t> top;
		auto open = entity.fields.find(op.changed_field);
		if (open != entity.fields.end() && GoesOnFrom(runs_[open->second], i))
			top = open->second;
		entity.fields[op.changed_field] =
			op.operation == Operation::kIncrement ? TakeIncrement(entity, i, top) : TakeSet(entity, i, top);
	}

	// Whether what an op expects of its field is what a run leaves there, or nothing newer than what the run expected.
	bool
	GoesOnFrom(const Run &run, size_t i) const
	{
		if (run.deletions != deletions_)
			return false;
		return ops_[i].expected.data() == nullptr || ids_[i].expected == ids_[run.ops.front()].expected ||
			   StandsFor(run, ids_[i].expected);
	}

	size_t
	TakeIncrement(Entity &entity, size_t i, std::optional<size_t> top)
	{
		bool adds = top && runs_[*top].kind == Run::Kind::kSum && !ops_[i].sent && !ops_[runs_[*top].ops.back()].sent;
		if (!adds)
			return Add(entity, {.kind = Run::Kind::kSum, .ops = {i}, .below = top});
		return Replace(entity, {*top}, i, Run::Kind::kSum);
	}

	size_t
	TakeSet(Entity &entity, size_t i, std::optional<size_t> top)
	{
		if (ops_[i].sent) // as it was, or a server that has it would take it for another
			return Add(entity, {.kind = Run::Kind::kSet, .ops = {i}, .below = top});
		std::vector<size_t> replaced;
		for (; top && runs_[*top].deletions == deletions_; top = runs_[*top].below)
			replaced.push_back(*top);
		std::reverse(replaced.begin(), replaced.end());
		return Replace(entity, replaced, i, Run::Kind::kSet);
	}

	// Adds a run of the ops of others, in their order, and one more.
	size_t
	Replace(Entity &entity, const std::vector<size_t> &replaced, size_t i, Run::Kind kind)
	{
		Run run{.kind = kind};
		for (size_t index : replaced) {
			Run &old = runs_[index];
			if (run.ops.empty())
				run.ops = std::move(old.ops);
			else
				run.ops.insert(run.ops.end(), old.ops.begin(), old.ops.end());
			run.below = replaced.front() == index ? old.below : run.below;
			old.gone = true;
		}
		run.ops.push_back(i);
		return Add(entity, std::move(run));
	}

	void
	TakeDelete(Entity &entity, size_t i)
	{
		if (LeavesNothing(entity, i)) {
			for (size_t run : entity.live)
				runs_[run].gone = true;
			Close(entity);
			return;
		}
		std::vector<size_t> swallowed;
		for (size_t run : entity.live) {
			if (!runs_[run].gone && runs_[run].deletions == deletions_ && runs_[run].kind != Run::Kind::kCreate)
				swallowed.push_back(run);
		}
		Run run{.ops = {i}};
		Guard(run, swallowed);
		for (size_t index : swallowed) {
			runs_[index].gone = true;
			if (run.guard)
				run.swallowed.insert(run.swallowed.end(), runs_[index].ops.begin(), runs_[index].ops.end());
		}
		Add(entity, std::move(run));
		Close(entity);
		deletions_++;
	}

	bool
	LeavesNothing(const Entity &entity, size_t i) const
	{
		if (entity.live.empty() || runs_[entity.live.front()].kind != Run::Kind::kCreate)
			return false;
		for (size_t run : entity.live) {
			const std::vector<size_t> &ops = runs_[run].ops;
			if (runs_[run].deletions != deletions_ ||
				std::any_of(ops.begin(), ops.end(), [&](size_t op) { return ops_[op].sent; }))
				return false;
		}
		for (size_t other = runs_[entity.live.front()].ops.front() + 1; other < i; other++) {
			Pause();
			const QueuedOp &op = ops_[other];
			bool same = op.entity_id == ops_[i].entity_id && op.entity_type == ops_[i].entity_type;
			if (!same && MayName(op.content, ops_[i].entity_id))
				return false;
		}
		return true;
	}

	// A delete expects an update that it swallows: then what that expected, which may be another of them.
	void
	Guard(Run &run, const std::vector<size_t> &swallowed) const
	{
		std::string_view field;
		size_t expected = run.ops.front();
		for (size_t left = swallowed.size(); left > 0 && ops_[expected].expected.data() != nullptr; left--) {
			auto before = std::find_if(swallowed.begin(), swallowed.end(), [&](size_t index) {
				return IsOn(runs_[index], field) && StandsFor(runs_[index], ids_[expected].expected);
			});
			if (before == swallowed.end())
				return;
			expected = runs_[*before].ops.front();
			field = ops_[expected].changed_field;
			run.guard = expected;
		}
	}

	// Whether it changes the field, or may; null is any.
	bool
	IsOn(const Run &run, std::string_view field) const
	{
		std::string_view own = ops_[run.ops.front()].changed_field;
		return own.data() == nullptr || field.data() == nullptr || own == field;
	}

	bool
	StandsFor(const Run &run, const std::string &id) const
	{
		Pause();
		// Who expects one of many expects the last.
		return std::any_of(run.ops.rbegin(), run.ops.rend(), [&](size_t op) { return ids_[op].Stand(id); });
	}

	std::span<const QueuedOp> ops_;
	std::span<const QueuedIds> ids_;
	void (*const pause_)();
	std::vector<size_t> creates_;                       // ops, so far
	std::unordered_map<std::string_view, size_t> uses_; // of an id, by ops
	std::map<std::pair<std::string_view, std::string_view>, Entity> entities_;
	std::vector<Run> runs_;
	size_t deletions_ = 0; // of entities, so far
};

} // namespace

QueuedIds::QueuedIds(const QueuedOp &op)
	: own(Canonical(op.transaction_id))
	, expected(Canonical(op.expected))
{
	for (std::string_view id : op.replaces)
		replaces.push_back(Canonical(id));
}

bool
QueuedIds::Stand(const std::string &id) const
{
	return own == id || std::find(replaces.begin(), replaces.end(), id) != replaces.end();
}

std::vector<std::vector<Run>>
FindRuns(std::span<const QueuedOp> ops, std::span<const QueuedIds> ids, void (*pause)())
{
	return Finder(ops, ids, pause).Find();
}

} // namespace txsync::core
