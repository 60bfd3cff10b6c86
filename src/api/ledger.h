#pragma once
// txsync.mutation: every transactionId that was ever claimed, until its partition is pruned. Read and written past SQL,
// by its owner's right: who claims an id needs no privileges on it.

#include "core/tx.h"
#include "pg/call.h"

#include <functional>
#include <optional>
#include <string>

extern "C" {
#include "storage/itemptr.h"
}

namespace txsync::api {

struct LedgerPlace
{
	Oid table; // a partition
	ItemPointerData row;
};

// What an id was claimed for. A text with data() == nullptr is not known.
struct Claim
{
	core::Tx tx;
	std::string_view entity_type = {};
	std::string_view entity_id = {};
	std::string_view request = {}; // a digest
};

struct LedgerRow
{
	LedgerPlace place;
	bool own = false; // claimed by this very transaction
	std::string source_id;
	std::string role;
	std::optional<std::string> changed_field;
	std::optional<std::string> entity_type;
	std::optional<std::string> entity_id;
	std::optional<std::string> request;
	Datum result = 0; // jsonb, in the current memory context
	bool has_result = false;
};

// The current role, as the ledger names those who claim.
std::string_view RoleName();

struct Claimed
{
	LedgerPlace place;               // of our own new row
	std::optional<LedgerRow> before; // nothing: the id is ours now
};

// Claims an id for the current role, after waiting for whoever is about to claim it. `complete` is called first if
// nobody has it, and may fail. Fails with TOO_OLD for an id whose partition was pruned, and with 40001 where the
// transaction's snapshot does not see who has it.
Claimed ClaimId(Claim claim, const std::function<void(Claim &)> &complete = {});

// As committed at this instant, or written by this transaction.
std::optional<LedgerRow> FindId(std::string_view transaction_id);
bool IsClaimed(std::string_view transaction_id);

// Completes a row that this transaction has written.
void RecordEntity(LedgerPlace &place, std::string_view entity_type, std::string_view entity_id);
void RecordResult(LedgerPlace &place, Datum result);

} // namespace txsync::api
