#include "api/author.h"

#include "api/clock.h"
#include "api/declaration.h"
#include "api/entity.h"
#include "api/errors.h"
#include "api/json_object.h"
#include "api/mutation.h"
#include "api/table.h"
#include "core/jsonb.h"
#include "pg/image.h"

extern "C" {
#include "access/detoast.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"
}

namespace txsync::api {

namespace {

// One id for all that a transaction writes without a tx.
struct OwnId
{
	TransactionId transaction;
	core::Stamp time;
	uint8_t size;
	char text[core::Tx::kMaxTransactionId];
};

constinit OwnId own_id = {};

Author
Nobody()
{
	TransactionId transaction = pg::Call([] { return GetTopTransactionId(); });
	if (own_id.transaction != transaction) {
		std::string id = ServerId();
		own_id.size = static_cast<uint8_t>(id.copy(own_id.text, sizeof own_id.text));
		own_id.time = core::TimeOf(id);
		own_id.transaction = transaction;
	}
	Author author;
	author.id = {own_id.text, own_id.size};
	author.time = own_id.time;
	return author;
}

// Whether this transaction gave the row what it has.
bool
WrittenHere(HeapTuple row)
{
	return TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(row->t_data));
}

struct StoredTx
{
	Datum datum = 0;
	bool null = true;
};

StoredTx
TxOf(const TriggeredWrite &write, HeapTuple row)
{
	StoredTx tx;
	if (row != nullptr)
		pg::Call([&] { tx.datum = heap_getattr(row, write.table.tx.number, write.desc, &tx.null); });
	return tx;
}

bool
Same(const TriggeredWrite &write, const StoredTx &a, const StoredTx &b)
{
	pg::Layout layout = write.table.tx.layout;
	return !a.null && !b.null &&
		   pg::Call([&] { return datum_image_eq(a.datum, b.datum, layout.by_value, layout.length); });
}

// Views into memory of the statement; null if it is none that the decoder would tell.
const char *
Parse(const StoredTx &stored, core::Tx &tx)
{
	bool fits = pg::Call([&] { return toast_raw_datum_size(stored.datum) - VARHDRSZ <= core::Tx::kMaxBytes; });
	if (!fits)
		return "tx is larger than 64 kB";
	auto *jsonb = pg::Call([&] { return PG_DETOAST_DATUM(stored.datum); });
	return core::ReadTx(pg::BytesOf(jsonb), tx);
}

// What is stored has nothing but the three members, and a changedField only with an update.
Author
Sign(const TriggeredWrite &write, core::Tx tx)
{
	if (!write.IsUpdate())
		tx.changed_field = {};
	Author author;
	author.tx = tx;
	author.id = tx.transaction_id;
	author.time = TimeOf(tx.transaction_id);
	if (write.after != nullptr)
		author.jsonb = ToDatum(tx);
	return author;
}

void
RequireField(const TriggeredWrite &write, std::string_view field)
{
	if (field.data() != nullptr && write.IsUpdate() && Find(write.desc, field).number == 0)
		RefuseTx("changedField " + Quoted(field) + " is not a column of the entity's table");
}

// A row that an upsert brings may have the tx that the row in the table has: an application that saves whole rows
// writes it back, which says nothing.
bool
IsWrittenBack(const TriggeredWrite &write, const StoredTx &said)
{
	if (write.before != nullptr)
		return false;
	// As the server looks for what a foreign key refers to.
	pg::RoleScope as_owner(pg::OwnerOf(write.table.root), SECURITY_NOFORCE_RLS);
	std::shared_ptr<const Entity> entity = EntityOf(write.table.entity_type);
	EntityKey key = entity->ids.Read(EntityId(write.table, write.desc, write.after));
	std::string sql = "SELECT FROM " + entity->rows + " t WHERE " + entity->ids.Condition() +
					  " AND t.tx OPERATOR(pg_catalog.=) $" + std::to_string(entity->ids.Parameters() + 1);
	key.values.push_back({JSONBOID, said.datum});
	return pg::Spi().Execute(entity->Plan(sql), sql.c_str(), key.values) > 0;
}

// The row of an INSERT may turn out to be there, under another id, ON CONFLICT.
void
MarkProvisional(const TriggeredWrite &write, Declaration &declaration, const LedgerPlace &place)
{
	declaration.provisional_in = write.before == nullptr ? write.table.root : InvalidOid;
	declaration.provisional_by = pg::Call([] { return GetCurrentCommandId(false); });
	declaration.provisional = place;
}

// The row that is updated, by the command that was to insert one, is the entity.
void
Correct(const TriggeredWrite &write)
{
	const Declaration *declared = Declared();
	if (declared == nullptr || !OidIsValid(declared->provisional_in))
		return;
	bool is_it = write.IsUpdate() && declared->provisional_in == write.table.root &&
				 declared->provisional_by == pg::Call([] { return GetCurrentCommandId(false); });
	Declaration &change = ToDeclare();
	change.provisional_in = InvalidOid;
	if (!is_it)
		return;
	LedgerPlace before = change.provisional;
	RecordEntity(change.provisional, write.table.entity_type, EntityId(write.table, write.desc, write.before));
	if (memcmp(&change.place, &before, sizeof before) == 0)
		change.place = change.provisional;
}

// Plain SQL that sets tx: a mutation of its own.
bool
Claims(const TriggeredWrite &write, const core::Tx &tx, const StoredTx &said)
{
	const Declaration *declared = Declared();
	if (declared != nullptr && declared->Claimed() == tx.transaction_id)
		return true;
	std::string id = EntityId(write.table, write.desc, write.Row());
	Claimed claimed = ClaimId({tx, write.table.entity_type, id});
	if (claimed.before && !claimed.before->own) {
		if (IsWrittenBack(write, said))
			return false;
		throw Fail(errors::kDuplicateTransaction,
				   "transactionId " + Quoted(tx.transaction_id) + " has been applied already",
				   {{"transactionId", tx.transaction_id}},
				   "begin_mutation() tells a duplicate, and what came of it, without an error.");
	}
	Declaration &declaration = ToDeclare();
	declaration.SetClaimed(tx.transaction_id);
	if (!claimed.before)
		MarkProvisional(write, declaration, claimed.place);
	return true;
}

// EXCLUDED of an upsert is the row as the trigger of the INSERT has left it, without the changedField.
void
RememberField(const TriggeredWrite &write, core::Tx &tx)
{
	if (!write.IsUpdate())
		ToDeclare().SetInserted(write.table.root, tx.changed_field);
	else if (tx.changed_field.data() == nullptr)
		tx.changed_field = Declared()->InsertedField(write.table.root);
	RequireField(write, tx.changed_field);
}

void
RequireSameTx(const TriggeredWrite &write, const Declaration &declared, const StoredTx &said)
{
	core::Tx tx;
	core::Tx expected = declared.Tx();
	const char *defect = Parse(said, tx);
	if (defect == nullptr && tx.transaction_id == expected.transaction_id && tx.source_id == expected.source_id)
		return;
	if (IsWrittenBack(write, said))
		return;
	throw Fail(errors::kTxMismatch, "the tx of a row is neither the one that was declared nor the one that the row had",
			   {{"transactionId", defect == nullptr ? tx.transaction_id : std::string_view()},
				{"declaredTransactionId", expected.transaction_id}},
			   "Leave tx to begin_mutation(); end_mutation() ends what it has declared.");
}

// The first row that a mutation writes is its entity, unless it was begun with one.
void
TellFirstRow(const TriggeredWrite &write)
{
	const Declaration *declared = Declared();
	if (!declared->awaits_row && declared->knows_entity)
		return;
	Declaration &change = ToDeclare();
	change.awaits_row = false;
	if (change.knows_entity || (OidIsValid(change.relation) && change.relation != write.table.root))
		return;
	RequireField(write, change.Tx().changed_field);
	RecordEntity(change.place, write.table.entity_type, EntityId(write.table, write.desc, write.Row()));
	change.relation = write.table.root;
	change.knows_entity = true;
	MarkProvisional(write, change, change.place);
}

Author
DeclaredAuthor(const TriggeredWrite &write)
{
	TellFirstRow(write);
	const Declaration &declared = *Declared();
	bool of_the_entity = declared.relation == write.table.root;
	Author author;
	author.tx = declared.Tx();
	if (!of_the_entity || !write.IsUpdate())
		author.tx.changed_field = {};
	author.jsonb = of_the_entity && write.IsUpdate() ? declared.tx : declared.tx_of_others;
	author.id = author.tx.transaction_id;
	author.time = declared.time;
	return author;
}

} // namespace

void
RefuseDuplicate(const Declaration &declared)
{
	throw Fail(errors::kDuplicateTransaction,
			   "transactionId " + Quoted(declared.Tx().transaction_id) + " has been applied already",
			   {{"transactionId", declared.Tx().transaction_id}},
			   "begin_mutation() has answered that it is a duplicate: answer the client, and write nothing.");
}

Author
AuthorOf(const TriggeredWrite &write)
{
	const Declaration *declared = Declared();
	if (declared != nullptr && declared->kind == Declaration::Kind::kDuplicate)
		RefuseDuplicate(*declared);
	Correct(write);
	declared = Declared();
	bool is_declared = declared != nullptr && declared->kind == Declaration::Kind::kMutation;
	if (write.table.tx.number == 0)
		return is_declared ? DeclaredAuthor(write) : Author();

	StoredTx had = TxOf(write, write.before);
	StoredTx said = TxOf(write, write.after);
	bool says = !said.null && !Same(write, had, said);
	if (is_declared) {
		if (says)
			RequireSameTx(write, *declared, said);
		return DeclaredAuthor(write);
	}
	bool has_ended = declared != nullptr && declared->has_ended;
	if (!says && !has_ended && !had.null && (write.after == nullptr || !said.null) && WrittenHere(write.before)) {
		core::Tx tx; // of an earlier statement of this transaction
		return Parse(had, tx) == nullptr ? Sign(write, tx) : Nobody();
	}
	if (!says)
		return Nobody();
	core::Tx tx;
	if (const char *defect = Parse(said, tx))
		RefuseTx(defect);
	RequireField(write, tx.changed_field);
	if (!Claims(write, tx, said)) {
		Author author = Nobody();
		author.jsonb = said.datum;
		return author;
	}
	RememberField(write, tx);
	return Sign(write, tx);
}

core::Tx
AuthorOfEvent()
{
	const Declaration *declared = Declared();
	if (declared != nullptr && declared->kind == Declaration::Kind::kDuplicate)
		RefuseDuplicate(*declared);
	if (declared == nullptr || declared->kind != Declaration::Kind::kMutation)
		return {};
	if (declared->awaits_row)
		ToDeclare().awaits_row = false;
	core::Tx tx = Declared()->Tx();
	tx.changed_field = {};
	return tx;
}

} // namespace txsync::api
