#pragma once
// Long work in short transactions, in a procedure or a worker.

#include "pg/server.h"

#include <functional>

extern "C" {
#include "utils/timestamp.h"
}

namespace txsync::api {

// What is written in them is not decoded for our plugin, and reaches the disk when others' commits do.
class Turns
{
public:
	// Begun in a transaction that may be committed: it is, at the first Next(). `may_go_on` is asked between turns.
	explicit Turns(const std::function<bool()> &may_go_on);
	Turns(const Turns &) = delete;
	~Turns();

	// Ends the transaction, rests if others write, and begins another with a snapshot; throws Stopped if there is none
	// to be.
	struct Stopped
	{};
	void Next();

private:
	void End();
	bool OthersWrite();
	void Rest();
	bool Begin();

	const std::function<bool()> &may_go_on_;
	uint16_t origin_;
	TimestampTz begun_ = 0;
	int wrote_ = 0; // transaction ids
	uint64_t next_xid_ = 0;
	TimestampTz others_wrote_ = 0;
	int64_t owed_ = 0; // µs of rest
};

} // namespace txsync::api
