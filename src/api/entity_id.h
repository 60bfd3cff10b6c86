#pragma once
// Ids of entities. Clients may spell one as they like; whatever is kept or told under an id has it as the decoder
// writes it: what the type's output function gives under pinned settings, several columns as a JSON array of such
// texts.

#include "api/table.h"

namespace txsync::api {

// An id that was read.
struct EntityKey
{
	std::string id;                         // as the decoder writes it
	std::vector<std::string> given;         // each column's as the client writes it
	std::vector<std::string> texts;         // and as the decoder does
	std::vector<pg::Spi::Parameter> values; // of the columns' types, or those under their domains
};

// How the ids of an entity type are read.
class IdReader
{
public:
	IdReader(const Table &table, const core::Tracking &tracking);
	IdReader(const IdReader &) = delete;

	// False: to read one would run code of whoever made a column's type.
	bool
	CanRead() const
	{
		return can_read_;
	}

	// Fails with INVALID_ENTITY_ID for what is no array of as many texts as there are columns, or as a column's type
	// does; with 0A000 if none can be read.
	EntityKey Read(std::string_view entity_id) const;

	// The id whose columns have these texts, as the decoder writes them.
	static std::string Join(std::span<const std::string> texts);

	// One column's text, the first is 0, as the decoder writes it; or as Read() fails.
	std::string Spelled(size_t column, std::string_view text) const;

	// SQL, for a table that goes by t: the row has the id whose values are $1 and so on. It names operators with their
	// schemas, and needs no cast: whoever may create things has no part in it.
	const std::string &
	Condition() const
	{
		return condition_;
	}

	// The same for a row whose id is in k.k1 and so on.
	const std::string &
	JoinCondition() const
	{
		return join_condition_;
	}

	// The row is behind the one that Condition() is about, in the order of Columns().
	const std::string &
	BehindCondition() const
	{
		return behind_condition_;
	}

	// `t.a, t.b`
	const std::string &
	Columns() const
	{
		return list_;
	}

	// Of a row that has these values.
	std::string IdOf(std::span<const Datum> values) const;

	// The values of several ids, an array for each column.
	std::vector<pg::Spi::Parameter> Arrays(std::span<const EntityKey> keys) const;

	int
	Parameters() const
	{
		return static_cast<int>(columns_.size());
	}

private:
	struct Column
	{
		Oid type; // no domain
		Oid io_parameter;
		int32 modifier;
		FmgrInfo input;
		FmgrInfo output;
		FmgrInfo fit;    // to the modifier; fn_oid is invalid where there is nothing to do
		FmgrInfo equals; // fn_oid is invalid if the type has none
		Oid collation;
	};

	struct DeleteContext
	{
		void
		operator()(MemoryContext context) const
		{
			MemoryContextDelete(context);
		}
	};

	static void Describe(Column &column, Form_pg_attribute attribute, MemoryContext context);
	static Datum Fit(Column &column, Datum value);
	Datum ValueOf(Column &column, std::string_view text) const;
	std::vector<std::string> PartsOf(std::string_view entity_id) const;
	std::string Behind(const std::vector<std::string> &names) const;

	std::string entity_type_;
	std::unique_ptr<MemoryContextData, DeleteContext> context_;
	mutable std::vector<Column> columns_;
	std::string condition_;
	std::string join_condition_;
	std::string behind_condition_;
	std::string list_;
	bool settled_ = true;
	bool can_read_ = true;
};

} // namespace txsync::api
