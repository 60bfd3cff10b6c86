#pragma once
// What the compact lines of the stream say, as far as tail must know it.

#include "client/lsn.h"
#include "core/buffer.h"
#include "core/control.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace txsync::client {

// What is common to the changes of a transaction, or what became of one whose changes were told before its commit.
struct ControlLine
{
	core::Control::Kind kind = core::Control::Kind::kStart;
	uint32_t xid = 0;
	uint32_t subxid = 0;      // abort: 0 for the whole transaction
	Lsn commit_lsn = 0;       // commits and begin
	std::string committed_at; // commits and begin
};

// A change that was told before its commit.
struct Foretold
{
	uint32_t xid = 0;      // of its (sub)transaction
	std::string_view text; // the line up to there
};

// Whether `lines` begin with a control line.
bool IsControl(std::string_view lines);

// `line` is without its line feed, as everywhere here. Throws Failure for what is no control line that we know.
ControlLine ParseControl(std::string_view line);

// Throws Failure for what is no change of a transaction in progress.
Foretold ParseForetold(std::string_view line);

// Appends the lines, each with a line feed, that compact ones stand for: what a subscriber to whole transactions gets.
// Throws Failure for what are no compact lines.
void Settle(core::Buffer &out, std::string_view lines, const ControlLine &commit);

// Where the transaction of the first of these whole `lines` has committed. Throws Failure for what is no change.
Lsn CommitLsnOf(std::string_view lines);

} // namespace txsync::client
