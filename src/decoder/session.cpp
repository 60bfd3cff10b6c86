#include "decoder/session.h"

#include "pg/call.h"
#include "pg/compat.h"
#include "pg/memory.h"
#include "pg/root.h"
#include "pg/seal.h"

extern "C" {
#include "access/xact.h"
}

namespace txsync::decoder {

using core::Control;

namespace {

const ReorderBufferTXN &
TopOf(const ReorderBufferTXN &txn)
{
	return txn.toptxn != nullptr ? *txn.toptxn : txn;
}

// One line of it: anybody can write a message that looks like an annotation.
bool
IsJsonObject(std::string_view text)
{
	return text.front() == '{' && text.find_first_of("\r\n") == std::string_view::npos &&
		   pg::Call([&] { return pg::IsJson(text); });
}

// Whether a truncated partition's root was truncated by the same statement.
bool
RootIsAmong(Relation partition, const Oid *relations, Size count)
{
	Oid root = pg::RootOf(partition);
	return root != RelationGetRelid(partition) && std::find(relations, relations + count, root) != relations + count;
}

// Where the key is gone nothing is known to be genuine.
bool
IsGenuine(const core::Sealed &sealed)
{
	try {
		return pg::IsSealed(pg::SealOf(core::PurposeOf(sealed.kind), sealed.content), sealed.seal);
	} catch (const pg::Failure &failure) {
		if (failure.sqlstate != ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE)
			throw;
		return false;
	}
}

// Whether the publications that the subscriber names, if any, publish this action on this row.
bool
Publishes(const Plan &plan, core::Action action, const Row &row)
{
	return plan.published == nullptr ||
		   (plan.published->Publishes(action) && (!row || plan.published->Matches(action, row.Values(), row.Nulls())));
}

} // namespace

Session::Session(LogicalDecodingContext *context, Options options)
	: options_(std::move(options))
	, memory_(pg::MakeContext(context->context, "txsync session"))
	, values_(memory_, pg::MakeContext(memory_, "txsync change"), options_.max_record_bytes,
			  options_.big_numbers == Options::BigNumbers::kString)
	, plans_(values_, options_, memory_)
	, output_(context, options_)
	, teller_(options_, values_, output_)
{
	// They are compared with what the stream says.
	std::vector<std::string> organizations;
	for (const std::string &name : options_.filter.organizations.Names())
		organizations.emplace_back(values_.ToUtf8(name));
	options_.filter.organizations = core::NameSet(std::move(organizations));
}

void
Session::Redirect(Sink &sink)
{
	sink_ = &sink;
	options_.include_data = Options::Data::kNotified;
	teller_.Redirect(sink);
}

void
Session::Enter(Transaction &transaction)
{
	current_ = &transaction;
	teller_.Enter(transaction);
	values_.EndTransaction();
}

// ---- Told after its commit

void
Session::Begin(ReorderBufferTXN *txn)
{
	whole_.Begin(*txn, false);
	Enter(whole_);
	sink_->BeginTransaction(*txn);
}

void
Session::Commit()
{
	teller_.FlushMove();
	sink_->EndTransaction();
}

// ---- Told while it goes on

void
Session::StartBlock(ReorderBufferTXN *txn)
{
	std::unique_ptr<Transaction> &transaction = streamed_[txn->xid];
	if (transaction == nullptr) {
		transaction = std::make_unique<Transaction>();
		transaction->Begin(*txn, true);
	}
	Enter(*transaction);
}

void
Session::StopBlock()
{
	if (current_->block_is_open)
		sink_->Tell({Control::Kind::kStop, current_->xid});
	current_->block_is_open = false;
	sink_->Flush();
}

void
Session::CommitStreamed(ReorderBufferTXN *txn, XLogRecPtr commit_lsn)
{
	StartBlock(txn);
	teller_.FlushMove();
	StopBlock();
	char committed_at[core::kMaxDateTime];
	char *end = core::FormatInstant(committed_at, txn->xact_time.commit_time);
	if (current_->told)
		sink_->Tell({Control::Kind::kCommit, txn->xid, 0, {}, commit_lsn, {committed_at, end}});
	sink_->EndTransaction();
	streamed_.erase(txn->xid);
}

void
Session::AbortStreamed(ReorderBufferTXN *txn)
{
	const ReorderBufferTXN &top = TopOf(*txn);
	auto at = streamed_.find(top.xid);
	if (at == streamed_.end())
		return;
	bool whole = txn->xid == top.xid;
	if (at->second->told)
		sink_->Tell({Control::Kind::kAbort, top.xid, whole ? 0 : txn->xid});
	sink_->Flush();
	if (whole)
		streamed_.erase(at);
	else
		at->second->Forget(txn->xid);
}

// ---- Told at its PREPARE

void
Session::Prepare(ReorderBufferTXN *txn)
{
	StartBlock(txn);
	teller_.FlushMove();
	StopBlock();
	if (current_->told)
		sink_->Tell({Control::Kind::kPrepare, txn->xid, 0, values_.Shared(txn->gid)});
	sink_->EndTransaction();
	streamed_.erase(txn->xid);
}

// Whether anything was told of it is not known any more: its PREPARE may have been decoded by another session.
void
Session::CommitPrepared(ReorderBufferTXN *txn, XLogRecPtr commit_lsn)
{
	char committed_at[core::kMaxDateTime];
	char *end = core::FormatInstant(committed_at, txn->xact_time.commit_time);
	sink_->Tell(
		{Control::Kind::kCommitPrepared, txn->xid, 0, values_.Shared(txn->gid), commit_lsn, {committed_at, end}});
	sink_->EndTransaction();
}

void
Session::RollbackPrepared(ReorderBufferTXN *txn)
{
	sink_->Tell({Control::Kind::kRollbackPrepared, txn->xid, 0, values_.Shared(txn->gid)});
	sink_->EndTransaction();
}

// ---- What happens in it

void
Session::Change(Relation relation, ReorderBufferChange *change)
{
	sink_->Step();
	current_->StepTo(change->lsn);
	current_->SeeOrigin(change->origin_id);
	Plan *plan = plans_.Of(relation);
	if (plan == nullptr)
		return;
	pg::ContextScope scope(values_.Scratch());
	teller_.EnterSubtransaction(change->txn->xid);
	Row before = Row::Old(*plan, RelationGetDescr(relation), pg::OldTuple(change));
	Row after = Row::New(*plan, RelationGetDescr(relation), pg::NewTuple(change));
	TellRow(*plan, before, after, change->action);
	values_.EndChange();
}

void
Session::TellRow(Plan &plan, const Row &before, const Row &after, ReorderBufferChangeType action)
{
	if (action == REORDER_BUFFER_CHANGE_INSERT) {
		if (Publishes(plan, core::Action::kCreate, after))
			teller_.Insert(plan, after);
	} else if (action == REORDER_BUFFER_CHANGE_DELETE) {
		if (Publishes(plan, core::Action::kDelete, before))
			teller_.Delete(plan, before);
	} else {
		FillFromOld(plan, before, after);
		if (plan.published != nullptr)
			TellPublishedUpdate(plan, before, after);
		else
			teller_.Update(plan, before, after);
	}
}

// The columns of a row filter are in the replica identity: without an old row they are as they were.
void
Session::TellPublishedUpdate(Plan &plan, const Row &before, const Row &after)
{
	bool is_in = Publishes(plan, core::Action::kUpdate, after);
	bool was_in = before ? Publishes(plan, core::Action::kUpdate, before) : is_in;
	if (was_in && is_in)
		teller_.Update(plan, before, after);
	else if (is_in)
		teller_.Appear(plan, before, after);
	else if (was_in)
		teller_.Disappear(plan, before, after);
}

void
Session::Truncate(Relation *relations, int count, ReorderBufferChange *change)
{
	pg::ContextScope scope(values_.Scratch());
	const Oid *truncated = change->data.truncate.relids;
	Size truncated_count = change->data.truncate.nrelids;
	current_->SeeOrigin(change->origin_id);
	teller_.EnterSubtransaction(change->txn->xid);
	for (int i = 0; i < count; i++) {
		Relation relation = relations[i];
		const Oid *at = std::find(truncated, truncated + truncated_count, RelationGetRelid(relation));
		current_->StepTo(change->lsn, static_cast<uint32_t>(at - truncated));
		Plan *plan = plans_.Of(relation);
		if (plan == nullptr)
			continue;
		bool partition = relation->rd_rel->relispartition;
		if (plan->published != nullptr && !plan->published->Publishes(core::Action::kTruncate))
			continue;
		if (partition && RootIsAmong(relation, truncated, truncated_count))
			continue;
		teller_.Truncate(*plan, !partition);
	}
	values_.EndChange();
}

void
Session::Message(XLogRecPtr lsn, std::string_view prefix, std::string_view message)
{
	pg::ContextScope scope(values_.Scratch());
	sink_->Step();
	// The server does not say which subtransaction's it is, but whose rollback it looks out for.
	TransactionId subtransaction = TransactionIdIsValid(CheckXidAlive) ? CheckXidAlive : current_->xid;
	if (prefix != core::kMessagePrefix) {
		if (!core::MatchesAny(options_.messages, prefix))
			return;
		current_->StepTo(lsn);
		teller_.EnterSubtransaction(subtransaction);
		teller_.Message(prefix, message);
	} else if (std::optional<core::Annotate> annotate = core::ParseAnnotate(message)) {
		std::string_view object = values_.Untrusted(annotate->object);
		if (object.empty() || (object.size() <= core::Annotate::kMaxBytes && IsJsonObject(object)))
			current_->Annotate(subtransaction, object);
	} else if (std::optional<core::Sealed> sealed = core::ParseSealed(message)) {
		std::optional<std::string_view> body = core::BodyOf(sealed->content, current_->xid);
		teller_.EnterSubtransaction(subtransaction);
		// To publications it is none of their tables' changes.
		if (body && options_.publications.empty()) {
			if (IsGenuine(*sealed))
				TellSealed(lsn, sealed->kind, *body);
			else
				forgery_.Give();
		}
	} else {
		current_->hints.Add(subtransaction, message);
	}
	values_.EndChange();
}

void
Session::TellSealed(XLogRecPtr lsn, core::Sealed::Kind kind, std::string_view body)
{
	if (kind != core::Sealed::Kind::kEvent) {
		if (std::optional<core::Entities> entities = core::ParseEntities(body))
			TellEntities(lsn, kind, *entities);
		return;
	}
	std::optional<core::Event> event = core::ParseEvent(body);
	if (!event || !options_.filter.tables.empty()) // it is no table's
		return;
	current_->StepTo(lsn);
	teller_.Event(*event);
}

void
Session::TellEntities(XLogRecPtr lsn, core::Sealed::Kind kind, core::Entities entities)
{
	Relation relation = pg::Call([&] { return RelationIdGetRelation(entities.relation); });
	if (relation == nullptr)
		return;
	const Plan *plan = plans_.Of(relation);
	pg::Call([&] { RelationClose(relation); });
	if (plan == nullptr)
		return;
	while (std::optional<core::ListedEntity> entity = core::TakeEntity(entities.list)) {
		current_->StepTo(lsn);
		if (kind == core::Sealed::Kind::kVisibility)
			teller_.Visibility(*plan, *entity);
		else
			teller_.Backfilled(*plan, *entity);
		sink_->Step();
		values_.EndChange();
	}
}

// One that stands for itself, between the transactions: its own LSN is its commit's.
void
Session::MessageAlone(XLogRecPtr lsn, std::string_view prefix, std::string_view message)
{
	if (!core::MatchesAny(options_.messages, prefix))
		return;
	pg::ContextScope scope(values_.Scratch());
	alone_.position = {lsn, lsn, 0};
	Enter(alone_);
	teller_.Message(prefix, message);
	sink_->Flush();
	values_.EndChange();
}

bool
Session::RefusesOrigin(RepOriginId origin) const
{
	// Those who write with DoNotReplicateId ask for that, as the capture worker does.
	return origin == DoNotReplicateId || (options_.origin == Options::Origin::kNone && origin != InvalidRepOriginId);
}

} // namespace txsync::decoder
