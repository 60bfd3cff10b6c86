#pragma once
// What the lines of the stream say, as far as tail must know it: it patches their bytes and never writes them anew.

#include "client/lsn.h"
#include "core/control.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace txsync::client {

// What became of a transaction whose changes were told before its commit.
struct ControlLine
{
	core::Control::Kind kind = core::Control::Kind::kStart;
	uint32_t xid = 0;
	uint32_t subxid = 0;      // abort: 0 for the whole transaction
	Lsn commit_lsn = 0;       // commits
	std::string committed_at; // commits
};

// A change that was told before its commit.
struct Foretold
{
	uint32_t xid = 0;      // of its (sub)transaction
	std::string_view text; // what Settle() makes the line of
};

// Whether `lines` begin with a control line.
bool IsControl(std::string_view lines);

// `line` is without its line feed, as everywhere here. Throws Failure for what is no control line that we know.
ControlLine ParseControl(std::string_view line);

// Throws Failure for what is no change of a transaction in progress.
Foretold ParseForetold(std::string_view line);

// Appends the line of a change that has happened, with its line feed: what a subscriber to whole transactions gets.
void Settle(std::string &out, std::string_view text, const ControlLine &commit);

// Where the transaction of the first of `lines` has committed. Throws Failure for what is no change.
Lsn CommitLsnOf(std::string_view lines);

} // namespace txsync::client
