#include "api/expectation.h"

#include "api/clock.h"
#include "api/conflict.h"
#include "api/errors.h"
#include "api/stream_offset.h"
#include "core/advance.h"
#include "core/nullable.h"
#include "pg/memory.h"

namespace txsync::api {

using core::OpAction;
using core::Operation;

namespace {

Expectation
ExpectationOf(const core::Op &op)
{
	bool deletes = op.action == OpAction::kDelete;
	return {deletes ? op.expected_field : op.tx.changed_field, op.expected_transaction_id,
			deletes ? core::Attempt::Kind::kDelete : core::Attempt::Kind::kUpdate, op.replaces};
}

std::optional<pg::Failure>
FieldConflictOf(const Entity &entity, const core::Op &op, const core::Versions &versions)
{
	Expectation expectation = ExpectationOf(op);
	core::Verdict verdict = Judge(entity, {&versions}, expectation);
	return verdict.conflict ? std::optional(FieldConflict(op.entity_type, op.entity_id, expectation, verdict.server_id))
							: std::nullopt;
}

std::optional<pg::Failure>
RowConflictOf(const core::Op &op, const core::Versions &versions)
{
	auto server = static_cast<int64_t>(versions.RowVersion());
	if (!op.expected_version || *op.expected_version == server)
		return std::nullopt;
	return Fail(errors::kVersionConflict,
				"entity " + Quoted(op.entity_id) + " of type " + Quoted(op.entity_type) + " has another version",
				{{"expectedVersion", *op.expected_version}, {"serverVersion", server}}, kReadAgain);
}

// Whether the op is newer than what the field has.
bool
Wins(const Entity &entity, const core::Op &op, const core::Versions &versions)
{
	std::optional<core::Hlc> own = core::ParseHlc(op.tx.transaction_id);
	if (!own)
		throw Fail(errors::kInvalidTransactionId,
				   "field " + Quoted(op.tx.changed_field) + " needs a transactionId that tells its time",
				   {{"transactionId", op.tx.transaction_id}},
				   "Send one of a hybrid logical clock, or give the field the strategy manual.");
	std::optional<core::Versions::Version> last = versions.Find(core::NumberOf(entity.tracking, op.tx.changed_field));
	std::string last_id = last ? last->id : versions.Creator();
	core::Stamp last_stamp = last ? last->stamp : versions.CreatorStamp();
	// An earlier op of this mutation, or a creation by it.
	if (core::SameId(last_id, op.tx.transaction_id))
		return true;
	return core::IsNewer(*own, StampCeiling(), last_id, last_stamp);
}

} // namespace

pg::Failure
Missing(const core::Op &op, const State &state)
{
	if (state.tombstone)
		return FieldConflict(op.entity_type, op.entity_id, ExpectationOf(op), *state.tombstone);
	return Fail(errors::kEntityNotFound,
				"there is no entity " + Quoted(op.entity_id) + " of type " + Quoted(op.entity_type),
				{{"entityType", op.entity_type}, {"entityId", op.entity_id}},
				"It never was, or the role may not see it: drop the op, or create the entity first.");
}

bool
IsLastWriteWins(const Entity &entity, const core::Op &op)
{
	return (op.operation == Operation::kSet || op.operation == Operation::kSetNow) &&
		   core::Names(entity.tracking.lww, op.tx.changed_field) && HasVersions(entity, op.tx.changed_field);
}

bool
IsSuperseded(const Entity &entity, const core::Op &op)
{
	State state = Read(entity, op.entity_id, Lock::kUpdate);
	if (!state.exists)
		throw Missing(op, state);
	core::Buffer store;
	return !Wins(entity, op, VersionsOf(store, state));
}

std::optional<core::Versions>
EarlierVersions::Of(Oid table, const std::string &id) const
{
	auto found = rows_.find({table, id});
	return found == rows_.end() ? std::nullopt : core::Versions::Parse(found->second);
}

void
EarlierVersions::Keep(Oid table, const std::string &id, const core::Versions &versions, std::string_view stored)
{
	if (rows_.contains({table, id}))
		return;
	core::Buffer fresh;
	if (stored.data() == nullptr || !core::Versions::Parse(stored)) {
		std::string creator = versions.Creator();
		core::WriteFresh(fresh, versions.RowVersion(), core::NullIfEmpty(creator), versions.CreatorStamp());
		stored = fresh.View();
	}
	rows_.emplace(std::pair(table, id), stored);
}

Expectations::Expectations(const Entity &entity, const core::Op &op, Column *field, EarlierVersions *earlier)
	: RowCheck(entity.relation)
	, entity_(entity)
	, op_(op)
	, field_(field)
	, earlier_(earlier)
{}

void
Expectations::Look(const core::Versions &versions, const RowTable &table, TupleDesc desc, HeapTuple row)
{
	std::optional<core::Versions> earlier;
	if (earlier_ != nullptr) {
		std::string id = EntityId(table, desc, row);
		earlier = earlier_->Of(table.root, id);
		if (!earlier) {
			Value stored = Fetch(row, desc, table.versions);
			earlier_->Keep(table.root, id, versions,
						   stored.null ? std::string_view() : pg::Image(stored.datum, table.versions.layout));
		}
	}
	Require(versions, earlier);
	pg::ContextScope scope(context_);
	if (field_ != nullptr)
		before_ = field_->AsJson(desc, row);
	LookAtOrganization(table, desc, row);
}

void
Expectations::LookAtNew(const RowTable &table, TupleDesc desc, HeapTuple row)
{
	if (op_.action != OpAction::kCreate)
		return;
	std::string id = EntityId(table, desc, row);
	if (id != entity_.ids.Read(op_.entity_id).id)
		throw pg::Failure{ERRCODE_TRIGGERED_ACTION_EXCEPTION,
						  "entity " + Quoted(op_.entity_id) + " of type " + Quoted(op_.entity_type) +
							  " was not created",
						  "A trigger of its table has given it the id " + Quoted(id) + "."};
	LookAtOrganization(table, desc, row);
	organization_is_made_ = table.org_is_made;
}

void
Expectations::RequireMet(Target &target) const
{
	if (!looked_)
		throw pg::Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						  "the row trigger of entity type " + Quoted(op_.entity_type) + " has not fired",
						  "What the op expects of the row is not known."};
	if (op_.stream_offset)
		RequireStreamOffset(op_, organization_is_made_ ? StoredOrganization(target, op_) : organization_);
}

void
Expectations::Require(const core::Versions &versions, const std::optional<core::Versions> &earlier) const
{
	if (IsLastWriteWins(entity_, op_)) // which is decided already
		return;
	std::optional<pg::Failure> conflict = RowConflictOf(op_, versions);
	if (conflict && !(earlier && !RowConflictOf(op_, *earlier)))
		throw *conflict;
	if (!op_.expects)
		return;
	conflict = FieldConflictOf(entity_, op_, versions);
	if (conflict && !(earlier && !FieldConflictOf(entity_, op_, *earlier)))
		throw *conflict;
}

void
Expectations::LookAtOrganization(const RowTable &table, TupleDesc desc, HeapTuple row)
{
	if (op_.stream_offset && table.org.number > 0)
		organization_ = Organization(table, desc, row);
	looked_ = true;
}

} // namespace txsync::api
