#include "api/apply.h"

#include "api/arguments.h"
#include "api/errors.h"
#include "api/perform.h"
#include "api/op_result.h"
#include "api/settings.h"
#include "api/table.h"
#include "api/write.h"
#include "pg/entry.h"
#include "pg/image.h"
#include "pg/memory.h"

extern "C" {
#include "utils/builtins.h"
}

namespace txsync::api {

namespace {

using Kind = core::JsonbEntry::Kind;

// ---- The batch

struct QueuedOp
{
	core::Op op;
	std::optional<core::OpDefect> defect;
	std::optional<pg::Failure> refusal;

	bool
	IsSound() const
	{
		return !defect && !refusal;
	}
};

// Ops that are one mutation: they come one after the other, and have one transactionId.
struct Group
{
	size_t begin;
	size_t end;
	std::optional<size_t> defective; // the first of its ops that is, or is refused
};

// Bytes of results beyond which they say nothing of the entities. As text they may be six times as long, and text has
// less than 1 GB.
constexpr size_t kMostTold = size_t{64} << 20;

class Batch
{
public:
	Batch(const core::JsonbContainer &ops, const ApplyOptions &options)
		: options_(options)
	{
		for (const core::JsonbEntry &element : ops.Elements())
			Add(element);
		outcomes_.resize(ops_.size());
		results_.resize(ops_.size());
	}

	void
	Run()
	{
		if (options_.deferred)
			TellDeferred(0, groups_.size());
		else if (options_.atomic)
			RunAsOne();
		else
			RunEach();
	}

	Datum
	Results()
	{
		core::Buffer array;
		if (!core::WriteArray(array, results_))
			throw pg::Failure{ERRCODE_PROGRAM_LIMIT_EXCEEDED, "the results are larger than jsonb can be"};
		return pg::Call([&] {
			auto *jsonb = static_cast<Jsonb *>(palloc(VARHDRSZ + array.Size()));
			SET_VARSIZE(jsonb, VARHDRSZ + array.Size());
			memcpy(VARDATA(jsonb), array.View().data(), array.Size());
			return JsonbPGetDatum(jsonb);
		});
	}

private:
	void
	Add(const core::JsonbEntry &element)
	{
		core::JsonbContainer object(element.kind == Kind::kContainer ? element.bytes : std::string_view());
		if (element.kind != Kind::kContainer || !object.IsObject())
			throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, "ops must be an array of objects"};
		QueuedOp &queued = ops_.emplace_back();
		queued.defect = core::ReadOp(object, queued.op);
		size_t i = ops_.size() - 1;
		const core::Tx &tx = queued.op.tx;
		bool continues = i > 0 && !tx.IsNull() && tx.transaction_id == ops_[i - 1].op.tx.transaction_id;
		if (continues && !queued.defect && tx.source_id != ops_[groups_.back().begin].op.tx.source_id)
			queued.defect = {"sourceId", "must be that of the mutation's other ops"};
		if (!continues)
			groups_.push_back({i, i, std::nullopt});
		groups_.back().end = i + 1;
		if (!queued.defect && options_.refuse)
			queued.refusal = options_.refuse(queued.op);
		if (!queued.IsSound() && !groups_.back().defective)
			groups_.back().defective = i;
	}

	void
	RunAsOne()
	{
		pg::ContextScope scope(attempt_);
		size_t at = EndOfSound(0);
		std::optional<Problem> problem = at < groups_.size() ? DefectOf(groups_[at]) : Try(0, groups_.size(), at);
		if (problem) {
			TellFailed(groups_[at], *problem);
			TellDeferred(0, at);
			TellDeferred(at + 1, groups_.size());
		}
	}

	// What was done before an error is undone with it, and done again without what failed: so the verdict on each group
	// is one with all before it applied, and none is tried more than a few times. What comes behind a deferred one may
	// build upon it, and waits with it.
	void
	RunEach()
	{
		size_t done = 0;
		size_t limit = EndOfSound(0);
		while (done < groups_.size()) {
			if (!Step(done, limit)) {
				TellDeferred(done, groups_.size());
				return;
			}
			MemoryContextReset(attempt_);
		}
	}

	// False if nothing more is to be done.
	bool
	Step(size_t &done, size_t &limit)
	{
		pg::ContextScope scope(attempt_);
		size_t at = done;
		std::optional<Problem> problem = done == limit ? DefectOf(groups_[done]) : Try(done, limit, at);
		if (problem && at > done) {
			limit = at;
			return true;
		}
		if (problem)
			TellFailed(groups_[done++], *problem);
		else
			done = limit;
		limit = EndOfSound(done);
		return !problem || !IsDeferred(*problem);
	}

	// Applies groups, all of them or none: `at` is the one that failed, and what was told is told no more.
	std::optional<Problem>
	Try(size_t from, size_t to, size_t &at)
	{
		std::optional<Problem> problem = Attempt([&] { Perform(from, to, at); });
		if (!problem)
			return problem;
		for (size_t op = groups_[from].begin; op < groups_[at].end; op++)
			Forget(op);
		return problem;
	}

	// The first group from here on of which it is known that it fails, or the end.
	size_t
	EndOfSound(size_t group) const
	{
		while (group < groups_.size() && !groups_[group].defective)
			group++;
		return group;
	}

	Problem
	DefectOf(const Group &group)
	{
		failed_ = *group.defective;
		const QueuedOp &op = ops_[failed_];
		return ProblemOf(op.refusal ? *op.refusal : InvalidOp(*op.defect));
	}

	// `at`: the group that is tried.
	void
	Perform(size_t from, size_t to, size_t &at)
	{
		for (; from < to; from++) {
			at = from;
			pg::ContextScope scope(scratch_);
			Perform(groups_[from]);
			TellDone(groups_[from]);
			MemoryContextReset(scratch_);
		}
	}

	void
	Perform(const Group &group)
	{
		pg::CheckForInterrupts();
		std::vector<core::Op> ops;
		for (size_t i = group.begin; i < group.end; i++)
			ops.push_back(ops_[i].op);
		size_t at = 0;
		failed_ = group.begin;
		try {
			api::Perform(ops, std::span(outcomes_).subspan(group.begin, ops.size()), at, checks_deferred_);
		} catch (...) {
			failed_ = group.begin + at;
			throw;
		}
	}

	void
	Tell(size_t op, JsonbValue *result)
	{
		results_[op] = pg::Call([&] {
			MemoryContext inner = MemoryContextSwitchTo(context_);
			Jsonb *jsonb = JsonbValueToJsonb(result);
			MemoryContextSwitchTo(inner);
			return pg::BytesOf(jsonb);
		});
		told_ += results_[op].size();
	}

	void
	Forget(size_t op)
	{
		if (results_[op].data() == nullptr)
			return;
		told_ -= results_[op].size();
		pfree(const_cast<char *>(results_[op].data()) - VARHDRSZ);
		results_[op] = {};
	}

	// How much a result may still say of its entity.
	size_t
	Room() const
	{
		return kMostTold - std::min(told_, kMostTold);
	}

	void
	TellDone(const Group &group)
	{
		for (size_t i = group.begin; i < group.end; i++)
			Tell(i, ResultOf(ops_[i].op, outcomes_[i], Room()));
	}

	void
	TellFailed(const Group &group, const Problem &problem)
	{
		Problem of_others = ProblemOf(Fail(errors::kMutationRejected, "another op of the mutation could not be applied",
										   {{"cause", unpack_sql_state(problem.sqlstate)}}));
		for (size_t i = group.begin; i < group.end; i++) {
			if (i != failed_ && IsDeferred(problem))
				Tell(i, DeferredResult(ops_[i].op));
			else
				Tell(i, ResultOf(ops_[i].op, i == failed_ ? problem : of_others, Room()));
		}
	}

	// Of groups: nothing is wrong with them, as far as is known.
	void
	TellDeferred(size_t from, size_t to)
	{
		for (; from < to; from++) {
			for (size_t i = groups_[from].begin; i < groups_[from].end; i++)
				Tell(i, DeferredResult(ops_[i].op));
		}
	}

	const ApplyOptions options_;
	const bool checks_deferred_ = HoldsDeferred();
	std::vector<QueuedOp> ops_;
	std::vector<Group> groups_;
	std::vector<Outcome> outcomes_;
	std::vector<std::string_view> results_; // jsonb
	size_t told_ = 0;                       // bytes of results
	MemoryContext context_ = CurrentMemoryContext;
	MemoryContext attempt_ = pg::MakeContext(CurrentMemoryContext, "txsync ops");
	MemoryContext scratch_ = pg::MakeContext(CurrentMemoryContext, "txsync mutation");
	size_t failed_ = 0; // the op that failed last
};

ApplyOptions
ReadOptions(const core::JsonbContainer &object)
{
	if (!object.IsObject())
		throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, "options must be an object"};
	ApplyOptions options;
	for (const auto &[name, value] : object.Members()) {
		if (name != "atomic")
			throw pg::Failure{
				ERRCODE_INVALID_PARAMETER_VALUE, "there is no option " + Quoted(name), {}, "Choose one of: atomic."};
		if (value.kind != Kind::kTrue && value.kind != Kind::kFalse)
			throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, "option \"atomic\" must be true or false"};
		options.atomic = value.kind == Kind::kTrue;
	}
	return options;
}

} // namespace

pg::Failure
InvalidOp(const core::OpDefect &defect)
{
	bool of_tx = defect.member == "transactionId" || defect.member == "sourceId" || defect.member == "changedField";
	return Fail(of_tx ? errors::kInvalidTx : errors::kInvalidOp, std::string(defect.member) + ' ' + defect.what,
				{{"member", defect.member}}, "A retry fails the same way: the client is to be mended.");
}

bool
HoldsDeferred()
{
	bool has_written = TransactionIdIsValid(GetTopTransactionIdIfAny());
	return !has_written || !Attempt([] { CheckDeferred(); });
}

Datum
ApplyOps(const core::JsonbContainer &ops, const ApplyOptions &options)
{
	if (ops.IsObject() || ops.IsScalar())
		throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, "ops must be an array of objects"};
	if (ops.Count() > static_cast<uint32_t>(MaxOps()))
		throw pg::Failure{ERRCODE_PROGRAM_LIMIT_EXCEEDED, "there are " + std::to_string(ops.Count()) + " ops",
						  "txsync.max_ops allows " + std::to_string(MaxOps()) + " in one call."};
	Batch batch(ops, options);
	batch.Run();
	return batch.Results();
}

extern "C" {

PG_FUNCTION_INFO_V1(apply_ops);

PGDLLEXPORT Datum
apply_ops(PG_FUNCTION_ARGS)
{
	return pg::Entry([&] {
		Require(fcinfo, 0, "ops");
		Require(fcinfo, 1, "options");
		core::JsonbContainer options(JsonbArgument(fcinfo, 1));
		return ApplyOps(core::JsonbContainer(JsonbArgument(fcinfo, 0)), ReadOptions(options));
	});
}

} // extern "C"

} // namespace txsync::api
