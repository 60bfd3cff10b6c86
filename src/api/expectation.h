#pragma once
// What an op expects of the row that it writes, and what becomes of the op if it is not so.

#include "api/row_check.h"
#include "api/target.h"
#include "core/op.h"

#include <map>

namespace txsync::api {

// FIELD_CONFLICT or ENTITY_NOT_FOUND, of an entity that is not there.
pg::Failure Missing(const core::Op &op, const State &state);

// Whether the later write is to win, whatever the op expects.
bool IsLastWriteWins(const Entity &entity, const core::Op &op);

// Of such an op: whether the field has a newer write. Locks the row; fails as Missing() says.
bool IsSuperseded(const Entity &entity, const core::Op &op);

// The versions of rows before the mutation, for what its ops expect: a client that knows them does not know yet what
// the mutation's other ops have made of them.
class EarlierVersions
{
public:
	std::optional<core::Versions> Of(Oid table, const std::string &id) const;
	void Keep(Oid table, const std::string &id, const core::Versions &versions, std::string_view stored);

private:
	std::map<std::pair<Oid, std::string>, std::string> rows_; // as stored
};

// Asked by the row trigger while the op's statement runs.
class Expectations final : public RowCheck
{
public:
	// `field`: of which to know what it was; or null. `earlier`: or null, where the mutation has no other ops.
	Expectations(const Entity &entity, const core::Op &op, Column *field, EarlierVersions *earlier);

	void Look(const core::Versions &versions, const RowTable &table, TupleDesc desc, HeapTuple row) override;
	void LookAtNew(const RowTable &table, TupleDesc desc, HeapTuple row) override;

	// jsonb, or nothing for null.
	std::optional<Datum>
	Before() const
	{
		return before_;
	}

	// Once the row is written.
	void RequireMet(Target &target) const;

private:
	void Require(const core::Versions &versions, const std::optional<core::Versions> &earlier) const;
	void LookAtOrganization(const RowTable &table, TupleDesc desc, HeapTuple row);

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

} // namespace txsync::api
