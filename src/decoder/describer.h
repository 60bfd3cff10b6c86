#pragma once
// What a change tells of its row: which entity it is, whose, what of it changed, by whom. What the WAL does not have of
// that, the row trigger said in hints.

#include "core/change.h"
#include "decoder/plan.h"
#include "decoder/row.h"
#include "decoder/transaction.h"
#include "decoder/values.h"

namespace txsync::decoder {

// Whose the tx of a row is.
enum class Provenance
{
	kThisChange,
	kLeftover, // an earlier change's
	kUnknown,
};

// The row that tells the id before an update: the new one where the WAL has no old id, as if that had not changed.
inline const Row &
Named(const Plan &plan, const Row &before, const Row &after)
{
	return before && plan.ids_in_identity ? before : after;
}

// The texts that it gives are valid until it describes the same of another row.
class Describer
{
public:
	explicit Describer(Values &values)
		: values_(values)
	{}

	void
	Enter(Transaction &transaction)
	{
		transaction_ = &transaction;
	}

	// That of the next change.
	void
	EnterSubtransaction(TransactionId xid)
	{
		xid_ = xid;
	}

	// A change of the transaction; or one in its name, of an entity type.
	core::Change Begin(core::Action action);
	core::Change Begin(core::Action action, std::string_view entity_type);

	// The entity's id and its organization.
	void Entity(core::Change &change, const Plan &plan, const Row &row);
	void Id(core::Change &change, const Plan &plan, const Row &row);
	void Organization(core::Change &change, const Plan &plan, const Row &row);

	// The organization before an update; the change's own if it did not change. A hint goes by the key that `keyed`
	// has.
	std::string_view OldOrganization(const core::Change &change, const Plan &plan, const Row &before, const Row &keyed);

	// The columns whose values are not in the WAL, and those that have others.
	void Unchanged(core::Change &change, Plan &plan, const Row &after);
	void Changed(core::Change &change, Plan &plan, const Row &before, const Row &after);

	Provenance ProvenanceOf(const Plan &plan, const Row &before, const Row &after);
	void Tx(core::Change &change, const Plan &plan, const Row &after, Provenance provenance);

	// What the row itself says of its last write. Rows that were never updated have no versions.
	void Version(core::Change &change, const Plan &plan, const Row &after);

	// What a hint says of the delete that it stands before: its tx, version, and organization if the WAL has none.
	void Hinted(core::Change &change, const Plan &plan, const core::Hint &hint);

	// The hint of the kind for the row, which is then forgotten; null if there is none.
	const core::Hint *TakeHint(core::Hint::Kind kind, const Plan &plan, const Row &row);

private:
	std::string_view Origin();
	void Tx(core::Change &change, const core::Tx &tx);
	void HintedTx(core::Change &change, const core::Hint &hint);
	void HintedVersion(core::Change &change, const core::Hint &hint);

	Values &values_;
	Transaction *transaction_ = nullptr;
	TransactionId xid_ = InvalidTransactionId;
	core::Buffer id_, key_, organization_, old_organization_;
	std::string last_; // the id of a row's last write
};

} // namespace txsync::decoder
