#pragma once
// What this transaction has declared: the mutation that its rows are written for. It follows savepoints.

#include "api/ledger.h"
#include "core/tx.h"
#include "core/stamp.h"

namespace txsync::api {

// Plain data: it lives in the transaction's memory.
struct Declaration
{
	enum class Kind : uint8_t
	{
		kNone,
		kMutation,
		kDuplicate, // begin_mutation() has said so: nothing more is to be written
	};

	Kind kind;
	bool awaits_row;   // claimed, and no row was written for it yet
	bool knows_entity; // the ledger has the mutation's entity
	bool has_ended;    // by end_mutation(): what follows is nobody's, even where it changes rows of the mutation
	Oid relation;      // of that entity; InvalidOid: not known
	LedgerPlace place;
	core::Stamp time;
	Datum tx;           // jsonb
	Datum tx_of_others; // jsonb without the changedField: for creates, and for rows that are not the mutation's entity
	uint32_t empty;     // mutations up to now without a row

	uint8_t transaction_id_size;
	uint8_t source_id_size;
	uint8_t changed_field_size; // 0: null
	uint8_t claimed_size;
	uint8_t inserted_field_size;
	char transaction_id[core::Tx::kMaxTransactionId];
	char source_id[core::Tx::kMaxSourceId];
	char changed_field[core::Tx::kMaxChangedField];
	char claimed[core::Tx::kMaxTransactionId]; // the id that plain SQL claimed last
	Oid inserted_into;                         // where a row with that id was to be inserted, declaring a field that
	char inserted_field[core::Tx::kMaxChangedField]; // creates do not have: ON CONFLICT DO UPDATE may want it back

	// The ledger has the entity of a row that is about to be inserted: ON CONFLICT it may be another.
	LedgerPlace provisional;
	Oid provisional_in; // InvalidOid: there is none such
	CommandId provisional_by;

	// Savepoints
	Declaration *outer;
	int level;

	core::Tx
	Tx() const
	{
		return {{transaction_id, transaction_id_size},
				{source_id, source_id_size},
				changed_field_size > 0 ? std::string_view(changed_field, changed_field_size) : std::string_view()};
	}

	std::string_view
	Claimed() const
	{
		return {claimed, claimed_size};
	}

	void Set(const core::Tx &tx);

	std::string_view
	InsertedField(Oid relation) const
	{
		bool is_known = inserted_field_size > 0 && inserted_into == relation;
		return is_known ? std::string_view(inserted_field, inserted_field_size) : std::string_view();
	}

	void SetClaimed(std::string_view transaction_id);
	void SetInserted(Oid relation, std::string_view field);
};

// Null as long as the transaction has declared nothing.
const Declaration *Declared();

// To be changed: the rollback of the present savepoint undoes it.
Declaration &ToDeclare();

// From _PG_init.
void FollowTransactions();

} // namespace txsync::api
