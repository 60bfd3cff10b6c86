#include "api/perform.h"

#include "api/author.h"
#include "api/declaration.h"
#include "api/described.h"
#include "api/entity_data.h"
#include "api/expectation.h"
#include "api/json_object.h"
#include "api/ledger.h"
#include "api/mutation.h"
#include "api/readable.h"
#include "api/table.h"
#include "api/try_read.h"
#include "api/write.h"
#include "pg/image.h"
#include "pg/memory.h"

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

// ---- What is told

State
StateOf(const core::Op &op, const std::optional<Datum> &stored)
{
	State state;
	state.exists = true;
	state.has_versions = stored.has_value();
	if (stored) {
		auto *bytes = reinterpret_cast<struct varlena *>(DatumGetPointer(*stored));
		state.versions.assign(pg::BytesOf(bytes));
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
	declaration.tx = ToDatum(op.tx);
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
