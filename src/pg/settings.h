#pragma once
// Settings of the session, changed for a scope.

#include "pg/call.h"

#include <optional>

namespace txsync::pg {

// What is set within it holds until its end; a transaction that is aborted meanwhile ends it as well.
class SettingsScope
{
public:
	SettingsScope();
	SettingsScope(const SettingsScope &) = delete;
	~SettingsScope();

	void Set(const char *name, const char *value);

	// Names that a statement does not qualify are the server's own.
	void
	SetSafePath()
	{
		Set("search_path", "pg_catalog, pg_temp");
	}

private:
	int level_;
};

// A setting that output functions look at, and what it is for whatever txsync tells.
struct PinnedSetting
{
	const char *name;
	const char *value;
};

inline constexpr PinnedSetting kPinnedSettings[] = {
	{"TimeZone", "UTC"},     {"DateStyle", "ISO, YMD"}, {"IntervalStyle", "postgres"}, {"extra_float_digits", "1"},
	{"bytea_output", "hex"}, {"lc_monetary", "C"},      {"search_path", "pg_catalog"}, {"quote_all_identifiers", "off"},
};

// Whether a value of the type reads the same whatever those settings are.
bool IsSettled(Oid type);

// Those settings for a scope. That costs some microseconds: not to be asked for where a type is settled.
class PinnedScope
{
public:
	explicit PinnedScope(bool pins)
	{
		if (pins)
			Pin();
	}

private:
	void Pin();

	std::optional<SettingsScope> scope_;
};

} // namespace txsync::pg
