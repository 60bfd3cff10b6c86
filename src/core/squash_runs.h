#pragma once
// Which ops of a queue become one: Squash() decides it here, by the rules that core/squash.h gives.

#include "core/squash.h"

#include <cstdint>
#include <string>

namespace txsync::core {

// The ids in an op. One id has one text here; empty for none.
struct QueuedIds
{
	explicit QueuedIds(const QueuedOp &op);

	// Whether the op is the one of this id, or stands for it.
	bool Stand(const std::string &id) const;

	std::string own;
	std::string expected;
	std::vector<std::string> replaces;
};

// Ops that become one. Numbers are indexes of ops.
struct Run
{
	enum class Kind : uint8_t
	{
		kCreate,
		kSet,
		kSum,
		kOther,
	};

	Kind kind = Kind::kOther;
	std::vector<size_t> ops = {};
	std::optional<size_t> guard = {};   // of a delete: the first of the updates that it passes or fails with
	std::vector<size_t> swallowed = {}; // with that one

	// Where what they become stands.
	size_t
	Place() const
	{
		return kind == Kind::kCreate ? ops.front() : ops.back();
	}

	// What counts while they are found.
	size_t deletions = 0;             // of any entity, before it
	std::optional<size_t> below = {}; // the run on the same field that it goes on from
	bool gone = false;                // others stand for it
};

// The runs of each entity, by their places.
std::vector<std::vector<Run>> FindRuns(std::span<const QueuedOp> ops, std::span<const QueuedIds> ids, void (*pause)());

} // namespace txsync::core
