#include "api/declaration.h"

#include "api/errors.h"
#include "api/settings.h"
#include "pg/call.h"
#include "pg/entry.h"

extern "C" {
#include "access/xact.h"
}

namespace txsync::api {

namespace {

constinit Declaration *current = nullptr;

// An application that ignores autocommit has told us of a mutation, and written its rows in another transaction.
void
TellOfEmptyMutations()
{
	if (current == nullptr || current->empty + (current->awaits_row ? 1U : 0U) == 0)
		return;
	constexpr char kMessage[] = "a mutation was begun, but no row of a tracked table was written for it";
	constexpr char kHint[] = "Is autocommit on, so that the rows are of another transaction? Is their table tracked? "
							 "Did a statement find its row?";
	switch (WhatOfEmptyMutations()) {
	case EmptyMutation::kOff:
		return;
	case EmptyMutation::kWarning:
		ereport(WARNING, (errcode(errors::kEmptyMutation.sqlstate), errmsg("%s", kMessage), errhint("%s", kHint)));
		return;
	case EmptyMutation::kError:
		pg::Entry([&] { throw Fail(errors::kEmptyMutation, kMessage, {}, kHint); });
	}
}

void
AtTransactionEnd(XactEvent event, void *)
{
	switch (event) {
	case XACT_EVENT_PRE_COMMIT:
	case XACT_EVENT_PRE_PREPARE:
		TellOfEmptyMutations();
		break;
	case XACT_EVENT_COMMIT:
	case XACT_EVENT_PREPARE:
	case XACT_EVENT_ABORT:
		current = nullptr;
		break;
	default:
		break;
	}
}

void
AtSavepointEnd(SubXactEvent event, SubTransactionId, SubTransactionId, void *)
{
	int level = GetCurrentTransactionNestLevel();
	if (current == nullptr || current->level < level)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB) {
		Declaration *undone = current;
		current = current->outer;
		pfree(undone);
	} else if (event == SUBXACT_EVENT_COMMIT_SUB) {
		current->level = level - 1;
		Declaration *replaced = current->outer;
		if (replaced != nullptr && replaced->level == level - 1) {
			current->outer = replaced->outer;
			pfree(replaced);
		}
	}
}

uint8_t
Copy(char *to, std::string_view from)
{
	if (from.data() == nullptr)
		return 0;
	memcpy(to, from.data(), from.size());
	return static_cast<uint8_t>(from.size());
}

} // namespace

void
Declaration::Set(const core::Tx &tx)
{
	transaction_id_size = Copy(transaction_id, tx.transaction_id);
	source_id_size = Copy(source_id, tx.source_id);
	changed_field_size = Copy(changed_field, tx.changed_field);
}

void
Declaration::SetClaimed(std::string_view id)
{
	claimed_size = Copy(claimed, id);
	inserted_field_size = 0;
}

void
Declaration::SetInserted(Oid relation, std::string_view field)
{
	inserted_into = relation;
	inserted_field_size = Copy(inserted_field, field);
}

const Declaration *
Declared()
{
	return current;
}

Declaration &
ToDeclare()
{
	int level = GetCurrentTransactionNestLevel();
	if (current == nullptr || current->level < level) {
		auto *fresh = static_cast<Declaration *>(
			pg::Call([&] { return MemoryContextAllocZero(TopTransactionContext, sizeof(Declaration)); }));
		if (current != nullptr)
			*fresh = *current;
		fresh->outer = current;
		fresh->level = level;
		current = fresh;
	}
	return *current;
}

void
FollowTransactions()
{
	RegisterXactCallback(AtTransactionEnd, nullptr);
	RegisterSubXactCallback(AtSavepointEnd, nullptr);
}

} // namespace txsync::api
