#pragma once
// Logical messages that the decoder believes: with a seal, in the transaction that they name.

#include "core/message.h"
#include "pg/server.h"

namespace txsync::api {

// Writes it into the WAL of this transaction. `what` names the command, should the transaction be one that cannot
// write.
void LogSealed(core::Sealed::Kind kind, std::string_view body, const char *what);

// Entities of a table, in as many messages as it takes: who reads them holds one at a time.
class EntityMessages
{
public:
	EntityMessages(core::Sealed::Kind kind, Oid relation, const char *what);

	void Add(const core::ListedEntity &entity);

	// What was added is in the WAL.
	void Flush();

private:
	core::Sealed::Kind kind_;
	Oid relation_;
	const char *what_;
	core::Buffer body_;
	size_t empty_ = 0;
};

} // namespace txsync::api
