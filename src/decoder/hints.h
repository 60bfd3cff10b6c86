#pragma once
// What the row trigger said about rows whose change has not come yet.

#include "core/message.h"

#include <array>
#include <string>

namespace txsync::decoder {

// Remembers the latest few: a hint stands right before its row, unless another trigger kept the row from being written
// or wrote other rows in between. Forgotten at the end of the transaction.
class Hints
{
public:
	struct Entry
	{
		uint32_t subtransaction = 0;
		core::Hint hint; // its texts are views into `text`
		std::string text;
	};

	// Takes the bytes of one message; passes over what it cannot read.
	void Add(uint32_t subtransaction, std::string_view message);

	// The hint for this row, which is then forgotten; null if there is none. Valid until the next Add().
	const core::Hint *Take(core::Hint::Kind kind, uint32_t relation, std::string_view key);

	// Whether no hint waits: the common case, told without a look at any.
	bool
	Empty() const
	{
		return waiting_ == 0;
	}

	void Clear();

	// A subtransaction was rolled back after its hints had come.
	void Forget(uint32_t subtransaction);

private:
	std::array<Entry, 16> entries_;
	size_t next_ = 0;
	size_t waiting_ = 0;
};

} // namespace txsync::decoder
