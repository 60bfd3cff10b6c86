#pragma once
// SQL from C++, and the quoting that it needs.

#include "pg/settings.h"

#include <optional>
#include <span>
#include <string>

extern "C" {
#include "executor/spi.h"
}

namespace txsync::pg {

// Connected to SPI for a scope. When an exception ends the scope, the transaction's abort cleans up.
class Spi
{
public:
	Spi();
	Spi(const Spi &) = delete;
	~Spi();

	// Runs one statement; returns the number of rows. Results are in SPI_tuptable until the next one.
	uint64_t Execute(const std::string &sql);

	// The same, planned once for the whole life of the process; `plan` starts as null and stays with the caller.
	// Generic: never planned for the values, so that each execution costs the same. A limit other than 0 ends the
	// execution early.
	enum class Planned : uint8_t
	{
		kAsServerLikes,
		kGeneric,
	};
	struct Parameter
	{
		Oid type;
		Datum value;
		bool null = false;
	};
	void Prepare(SPIPlanPtr &plan, const char *sql, std::span<const Parameter> parameters, Planned planned);
	uint64_t Execute(SPIPlanPtr &plan, const char *sql, std::span<const Parameter> parameters,
					 Planned planned = Planned::kAsServerLikes, int64_t limit = 0);

	// A column, from 1 on, of the first row of the last result; nothing for null.
	static std::optional<std::string> Value(int column);

	// A SELECT that sees what has committed by now, even if the transaction keeps an older snapshot.
	uint64_t ExecuteNow(SPIPlanPtr &plan, const char *sql);

private:
	MemoryContext outer_;
};

// An identifier or a literal as SQL text.
std::string QuoteIdentifier(const char *name);
std::string QuoteLiteral(std::string_view text);

// `schema.table`, quoted where needed.
std::string QualifiedName(Oid relation);

Oid OwnerOf(Oid relation);

// Does what it has to do as another role, for instance the extension's owner: with the server's own names only, and
// restricted as the server restricts code of others. Even so, whatever SQL names is to be qualified, operators
// included.
class RoleScope
{
public:
	// `more`: flags of the security context.
	explicit RoleScope(Oid role, int more = 0);
	RoleScope(const RoleScope &) = delete;
	~RoleScope();

private:
	SettingsScope settings_;
	Oid role_;
	int security_context_;
};

} // namespace txsync::pg
