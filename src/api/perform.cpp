#include "api/perform.h"

#include "api/readable.h"
#include "api/author.h"
#include "api/declaration.h"
#include "api/described.h"
#include "api/errors.h"
#include "api/ledger.h"
#include "api/mutation.h"
#include "api/row_check.h"
#include "api/stream_offset.h"
#include "api/table.h"
#include "api/write.h"
#include "core/conflict.h"
#include "core/hlc.h"
#include "pg/memory.h"

#include <map>

extern "C" {
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
}

namespace txsync::api {

namespace {

using core::OpAction;
using core::Operation;

// ---- What is asked for, for whoever comes with the same id again

// Of what the ops write; what they expect may change from one try to the next.
std::string
Digest(std::span<const core::Op> ops)
{
	std::string text;
	auto add = [&](std::string_view part) {
		text += std::to_string(part.size());
		text += ':';
		text += part;
	};
	auto add_entry = [&](const core::JsonbEntry &entry) {
		text += static_cast<char>(entry.kind);
		add(entry.bytes);
	};
	for (const core::Op &op : ops) {
		add(op.entity_type);
		add(op.entity_id);
		add(core::NameOf(op.action));
		add(op.tx.changed_field);
		add(core::NameOf(op.operation));
		text += static_cast<char>(op.place);
		add_entry(op.value);
		add_entry(op.anchor);
		add(op.data);
	}
	std::string digest(2 * sizeof(uint64), '\0');
	for (uint64 half = 0; half < 2; half++) {
		uint64 hash = hash_bytes_extended(reinterpret_cast<const unsigned char *>(text.data()),
										  static_cast<int>(text.size()), half);
		std::memcpy(digest.data() + half * sizeof hash, &hash, sizeof hash);
	}
	return digest;
}

// ---- May it be written

pg::Failure
FieldConflict(const core::Op &op, std::string_view server_id)
{
	std::string_view field = op.action == OpAction::kDelete ? op.expected_field : op.tx.changed_field;
	return Fail(errors::kFieldConflict,
				"entity " + Quoted(op.entity_id) + " of type " + Quoted(op.entity_type) + " was changed meanwhile",
				{{"field", field},
				 {"expectedTransactionId", op.expected_transaction_id},
				 {"serverTransactionId", server_id.empty() ? std::string_view() : server_id}});
}

// Of an entity that is not there.
pg::Failure
Missing(const core::Op &op, const State &state)
{
	if (state.tombstone)
		return FieldConflict(op, *state.tombstone);
	return Fail(errors::kEntityNotFound,
				"there is no entity " + Quoted(op.entity_id) + " of type " + Quoted(op.entity_type),
				{{"entityType", op.entity_type}, {"entityId", op.entity_id}});
}

std::optional<pg::Failure>
FieldConflictOf(const Entity &entity, const core::Op &op, const core::Versions &versions)
{
	core::Attempt attempt;
	attempt.expected = op.expected_transaction_id;
	attempt.replaces = op.replaces;
	bool deletes = op.action == OpAction::kDelete;
	std::string_view name = deletes ? op.expected_field : op.tx.changed_field;
	if (deletes)
		attempt.kind = core::Attempt::Kind::kDelete;
	if (name.data() != nullptr)
		attempt.field = FieldOf(entity, name);
	core::Verdict verdict = core::Judge({&versions}, attempt);
	return verdict.conflict ? std::optional(FieldConflict(op, verdict.server_id)) : std::nullopt;
}

std::optional<pg::Failure>
RowConflictOf(const core::Op &op, const core::Versions &versions)
{
	auto server = static_cast<int64_t>(versions.RowVersion());
	if (!op.expected_version || *op.expected_version == server)
		return std::nullopt;
	return Fail(errors::kVersionConflict,
				"entity " + Quoted(op.entity_id) + " of type " + Quoted(op.entity_type) + " has another version",
				{{"expectedVersion", *op.expected_version}, {"serverVersion", server}});
}

// The versions of rows before the mutation, for what its ops expect: a client that knows them does not know yet what
// the mutation's other ops have made of them.
class EarlierVersions
{
public:
	std::optional<core::Versions>
	Of(Oid table, const std::string &id) const
	{
		auto found = rows_.find({table, id});
		return found == rows_.end() ? std::nullopt : core::Versions::Parse(found->second);
	}

	void
	Keep(Oid table, const std::string &id, const core::Versions &versions, std::string_view stored)
	{
		if (rows_.contains({table, id}))
			return;
		core::Buffer fresh;
		if (stored.data() == nullptr || !core::Versions::Parse(stored)) {
			std::string creator = versions.Creator();
			core::WriteFresh(fresh, versions.RowVersion(),
							 creator.empty() ? std::string_view() : std::string_view(creator), versions.CreatorStamp());
			stored = fresh.View();
		}
		rows_.emplace(std::pair(table, id), stored);
	}

private:
	std::map<std::pair<Oid, std::string>, std::string> rows_; // as stored
};

// ---- Last write wins

bool
IsLastWriteWins(const Entity &entity, const core::Op &op)
{
	return (op.operation == Operation::kSet || op.operation == Operation::kSetNow) &&
		   core::Names(entity.tracking.lww, op.tx.changed_field) && HasVersions(entity, op.tx.changed_field);
}

// Whether the op is newer than what the field has.
bool
Wins(const Entity &entity, const core::Op &op, const core::Versions &versions)
{
	std::optional<core::Hlc> own = core::ParseHlc(op.tx.transaction_id);
	if (!own)
		throw Fail(errors::kInvalidTransactionId,
				   "field " + Quoted(op.tx.changed_field) + " needs a transactionId that tells its time",
				   {{"transactionId", op.tx.transaction_id}});
	std::optional<core::Versions::Version> last = versions.Find(core::NumberOf(entity.tracking, op.tx.changed_field));
	std::string last_id = last ? last->id : versions.Creator();
	core::Stamp last_stamp = last ? last->stamp : versions.CreatorStamp();
	// An earlier op of this mutation, or a creation by it.
	if (core::SameId(last_id, op.tx.transaction_id))
		return true;
	return core::IsNewer(*own, StampCeiling(), last_id, last_stamp);
}

// ---- What is told

State
StateOf(const core::Op &op, const std::optional<Datum> &stored)
{
	State state;
	state.exists = true;
	state.has_versions = stored.has_value();
	if (stored) {
		auto *bytes = reinterpret_cast<struct varlena *>(DatumGetPointer(*stored));
		state.versions.assign(VARDATA(bytes), VARSIZE(bytes) - VARHDRSZ);
	} else {
		state.creator = op.tx.transaction_id;
	}
	return state;
}

// Null also where the caller may not read them.
JsonbValue *
VersionsNow(const Entity &entity, const core::Op &op)
{
	if (!MayReadVersions(entity))
		return nullptr;
	State state = Read(entity, op.entity_id, Lock::kNone);
	return state.exists ? DescribeVersions(entity, state) : nullptr;
}

JsonbValue *
VersionsOf(const Entity &entity, const core::Op &op, const Written &written)
{
	return written.knows_versions ? DescribeVersions(entity, StateOf(op, written.versions)) : VersionsNow(entity, op);
}

// Nothing was written.
Outcome
Superseded(const Entity &entity, const core::Op &op)
{
	return {Outcome::Status::kSuperseded, ReadData(entity, op.entity_id), VersionsNow(entity, op), nullptr};
}

JsonObject
Inverse(const core::Op &op, OpAction action)
{
	JsonObject inverse;
	inverse.Text("entityType", op.entity_type);
	inverse.Text("entityId", op.entity_id);
	inverse.Text("action", core::NameOf(action));
	return inverse;
}

// `before`: jsonb, or nothing for null.
JsonbValue *
InverseOfUpdate(const Entity &entity, const core::Op &op, const std::optional<Datum> &before)
{
	JsonObject inverse = Inverse(op, OpAction::kUpdate);
	inverse.Text("changedField", op.tx.changed_field);
	if (op.operation == Operation::kIncrement) {
		inverse.Text("operation", core::NameOf(Operation::kIncrement));
		inverse.Json("value", pg::Call([&] {
						 Datum minus = DirectFunctionCall1(numeric_uminus,
														   PointerGetDatum(const_cast<char *>(op.value.bytes.data())));
						 JsonbValue value = {};
						 value.type = jbvNumeric;
						 value.val.numeric = DatumGetNumeric(minus);
						 return JsonbPGetDatum(JsonbValueToJsonb(&value));
					 }));
		return inverse.End();
	}
	if (before)
		inverse.Json("value", *before);
	else
		inverse.Null("value");
	if (HasVersions(entity, op.tx.changed_field))
		inverse.Text("expectedTransactionId", op.tx.transaction_id);
	return inverse.End();
}

// ---- Applying

pg::Failure
NotWritten(const core::Op &op)
{
	return {ERRCODE_TRIGGERED_ACTION_EXCEPTION,
			"entity " + Quoted(op.entity_id) + " of type " + Quoted(op.entity_type) + " was not written",
			"A trigger, a rule or a policy of its table has prevented it."};
}

// What the row trigger is to look at.
class Expectations final : public RowCheck
{
public:
	// `field`: of which to know what it was; or null. `earlier`: or null, where the mutation has no other ops.
	Expectations(const Entity &entity, const core::Op &op, Column *field, EarlierVersions *earlier)
		: RowCheck(entity.relation)
		, entity_(entity)
		, op_(op)
		, field_(field)
		, earlier_(earlier)
	{}

	void
	Look(const core::Versions &versions, const RowTable &table, TupleDesc desc, HeapTuple row) override
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
	LookAtNew(const RowTable &table, TupleDesc desc, HeapTuple row) override
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

	// jsonb, or nothing for null.
	std::optional<Datum>
	Before() const
	{
		return before_;
	}

	// Once the row is written.
	void
	RequireMet(Target &target) const
	{
		if (!looked_)
			throw pg::Failure{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
							  "the row trigger of entity type " + Quoted(op_.entity_type) + " has not fired",
							  "What the op expects of the row is not known."};
		if (op_.stream_offset)
			RequireStreamOffset(op_, organization_is_made_ ? StoredOrganization(target, op_) : organization_);
	}

private:
	void
	Require(const core::Versions &versions, const std::optional<core::Versions> &earlier) const
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
	LookAtOrganization(const RowTable &table, TupleDesc desc, HeapTuple row)
	{
		if (op_.stream_offset && table.org.number > 0)
			organization_ = Organization(table, desc, row);
		looked_ = true;
	}

	const Entity &entity_;
	const core::Op &op_;
	Column *const field_;
	EarlierVersions *const earlier_;
	MemoryContext context_ = CurrentMemoryContext;
	std::optional<Datum> before_;
	std::optional<std::string> organization_;
	bool organization_is_made_ = false;
	bool looked_ = false;
};

// A row that is to be there. Who creates it may commit between the statement and the question of what there is: so
// what was not found, but is there, is tried once more.
template <class Write>
Written
WriteFound(const Entity &entity, const core::Op &op, Write write)
{
	for (int tries = 0; tries < 2; tries++) {
		Written written = write();
		if (written.found)
			return written;
		State state = LookFor(entity, op.entity_id);
		if (!state.exists)
			throw Missing(op, state);
	}
	throw NotWritten(op);
}

Outcome
ApplyCreate(Target &target, const core::Op &op)
{
	Expectations expectations(*target.entity, op, nullptr, nullptr);
	Written written = Create(target, op);
	if (!written.found)
		throw NotWritten(op);
	expectations.RequireMet(target);
	Outcome outcome;
	outcome.entity = target.has_row_security ? ReadData(*target.entity, op.entity_id) : written.entity;
	outcome.versions = VersionsOf(*target.entity, op, written);
	JsonObject inverse = Inverse(op, OpAction::kDelete);
	inverse.Text("expectedTransactionId", op.tx.transaction_id);
	outcome.inverse = inverse.End();
	return outcome;
}

// Of a field whose last write wins, with its row locked.
bool
IsSuperseded(const Entity &entity, const core::Op &op)
{
	State state = Read(entity, op.entity_id, Lock::kUpdate);
	if (!state.exists)
		throw Missing(op, state);
	core::Buffer store;
	return !Wins(entity, op, VersionsOf(store, state));
}

Outcome
ApplyUpdate(Target &target, const core::Op &op, EarlierVersions *earlier)
{
	const Entity &entity = *target.entity;
	Column &column = target.Settable(op.tx.changed_field);
	if (IsLastWriteWins(entity, op) && IsSuperseded(entity, op)) {
		ToDeclare().awaits_row = false; // the mutation is done all the same
		return Superseded(entity, op);
	}
	bool increments = op.operation == Operation::kIncrement;
	bool reads = !increments && MayRead(target, column);
	Expectations expectations(entity, op, reads ? &column : nullptr, earlier);
	Written written = WriteFound(entity, op, [&] { return Update(target, column, op); });
	expectations.RequireMet(target);
	Outcome outcome;
	outcome.entity = written.entity;
	outcome.versions = VersionsOf(entity, op, written);
	if (reads || increments)
		outcome.inverse = InverseOfUpdate(entity, op, expectations.Before());
	return outcome;
}

Outcome
ApplyDelete(Target &target, const core::Op &op, EarlierVersions *earlier)
{
	Expectations expectations(*target.entity, op, nullptr, earlier);
	Written written = WriteFound(*target.entity, op, [&] { return Delete(target, op); });
	expectations.RequireMet(target);
	Outcome outcome;
	JsonObject inverse = Inverse(op, OpAction::kCreate);
	if (written.entity)
		inverse.Json("data", *written.entity);
	outcome.inverse = inverse.End();
	return outcome;
}

Outcome
Apply(Target &target, const core::Op &op, EarlierVersions *earlier)
{
	switch (op.action) {
	case OpAction::kCreate:
		return ApplyCreate(target, op);
	case OpAction::kUpdate:
		return ApplyUpdate(target, op, earlier);
	case OpAction::kDelete:
		return ApplyDelete(target, op, earlier);
	}
	return {};
}

// Before the id is claimed, whose errors name the tx. What is a duplicate is told as one, whatever has become of its
// entity type since.
void
RequireTargets(std::span<const core::Op> ops, size_t &at)
{
	try {
		for (at = 0; at < ops.size(); at++) {
			const core::Op &op = ops[at];
			RequireVersions(*EntityOf(op.entity_type));
			if (op.action == OpAction::kUpdate)
				TargetOf(op.entity_type)->Settable(op.tx.changed_field);
		}
	} catch (const pg::Failure &) {
		if (!IsClaimed(ops.front().tx.transaction_id))
			throw;
	}
	at = 0;
}

// As far as it can be read: its table may be tracked no more, or have other columns.
Outcome
Duplicate(const core::Op &op)
{
	Outcome outcome;
	outcome.status = Outcome::Status::kDuplicate;
	outcome.entity = TryReadData(op.entity_type, op.entity_id);
	TryRead([&] {
		std::shared_ptr<const Entity> entity = FindEntity(op.entity_type);
		if (entity != nullptr && entity->tracking.tx)
			outcome.versions = VersionsNow(*entity, op);
	});
	return outcome;
}

// The same mutation, another op: what it writes has that op's changedField.
void
DeclareOp(const Target &target, const core::Op &op)
{
	Declaration &declaration = ToDeclare();
	declaration.Set(op.tx);
	declaration.relation = target.entity->relation;
	pg::ContextScope scope(TopTransactionContext);
	declaration.tx = TxToJsonb(op.tx);
}

// What was declared when the ops came, by begin_mutation() or for the row whose trigger applies them: it goes on behind
// them.
class OuterDeclaration
{
public:
	OuterDeclaration()
	{
		const Declaration *declared = Declared();
		if (declared != nullptr && declared->kind != Declaration::Kind::kNone)
			outer_ = *declared;
	}

	void
	Restore() const
	{
		if (!outer_)
			return;
		Declaration &declaration = ToDeclare();
		Declaration ops = declaration;
		declaration = *outer_;
		declaration.empty = ops.empty - (outer_->awaits_row ? 1 : 0);
		declaration.SetClaimed(ops.Claimed());
		declaration.SetInserted(ops.inserted_into, ops.InsertedField(ops.inserted_into));
		declaration.outer = ops.outer;
		declaration.level = ops.level;
	}

private:
	std::optional<Declaration> outer_;
};

} // namespace

void
Perform(std::span<const core::Op> ops, std::span<Outcome> outcomes, size_t &at, bool checks_deferred)
{
	const core::Op &first = ops.front();
	OuterDeclaration outer;
	RequireTargets(ops, at);
	if (BeginMutation(first.tx, {first.entity_type, first.entity_id}, Digest(ops)) == Begun::kDuplicate) {
		for (; at < ops.size(); at++)
			outcomes[at] = Duplicate(ops[at]);
		ToDeclare().kind = Declaration::Kind::kNone; // others are to be written
		outer.Restore();
		return;
	}
	EarlierVersions earlier;
	std::optional<size_t> deferring; // the last op that may leave something to be checked
	for (; at < ops.size(); at++) {
		std::shared_ptr<Target> target = TargetOf(ops[at].entity_type);
		if (at > 0)
			DeclareOp(*target, ops[at]);
		outcomes[at] = Apply(*target, ops[at], ops.size() > 1 ? &earlier : nullptr);
		if (target->may_defer)
			deferring = at;
	}
	if (deferring && checks_deferred) {
		at = *deferring;
		CheckDeferred();
	}
	EndMutation();
	outer.Restore();
}

} // namespace txsync::api
