#pragma once
// What goes out of what is told: the changes that the subscriber's filter lets pass, as entries of the sink. A delete
// that may be half of a move is kept back.

#include "core/change.h"
#include "decoder/options.h"
#include "decoder/sink.h"
#include "decoder/transaction.h"

namespace txsync::decoder {

class Outlet
{
public:
	Outlet(const Options &options, Sink &sink)
		: options_(options)
		, sink_(&sink)
	{}

	void
	Redirect(Sink &sink)
	{
		sink_ = &sink;
	}

	void
	Enter(Transaction &transaction)
	{
		transaction_ = &transaction;
	}

	// Those who may see either organization are told: a move to another one is a removal for the readers of the old.
	void Emit(const core::Change &change, std::string_view old_organization);

	// Whatever the filter says.
	void Tell(const core::Change &change, std::string_view old_organization);

	// A row that moves between partitions is a delete in one and an insert in the other, told as one update: the delete
	// is kept back.
	void KeepMove(const core::Change &change, bool leftover);

	// Whether the change is of the entity whose delete is kept back.
	bool Moves(const core::Change &change) const;

	// The second half has come; returns the organization that the first half had.
	std::string_view TakeMove();

	// No second half will come: a trigger kept the insert from happening, so the delete was one.
	void FlushMove();

private:
	bool Passes(const core::Change &change, std::string_view old_organization) const;
	core::Buffer &BeginEntry();

	const Options &options_;
	Sink *sink_;
	Transaction *transaction_ = nullptr;
};

} // namespace txsync::decoder
