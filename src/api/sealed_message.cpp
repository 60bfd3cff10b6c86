#include "api/sealed_message.h"

#include "pg/call.h"
#include "pg/compat.h"
#include "pg/seal.h"

extern "C" {
#include "access/xact.h"
#include "tcop/utility.h"
}

namespace txsync::api {

namespace {

constexpr size_t kMessageBytes = size_t{64} << 10;

} // namespace

void
LogSealed(core::Sealed::Kind kind, std::string_view body, const char *what)
{
	TransactionId transaction = pg::Call([&] {
		PreventCommandIfReadOnly(what);
		PreventCommandIfParallelMode(what);
		PreventCommandDuringRecovery(what);
		return GetTopTransactionId();
	});
	core::Buffer content;
	core::BeginContent(content, transaction);
	content.Append(body);
	pg::Seal seal = pg::SealOf(core::PurposeOf(kind), content.View());
	static_assert(sizeof seal == core::Sealed::kSealBytes);
	core::Buffer message;
	core::Write(message, {kind, {reinterpret_cast<const char *>(seal.data()), seal.size()}, content.View()});
	pg::Call([&] { pg::LogTransactionalMessage(core::kMessagePrefix, message.View()); });
}

EntityMessages::EntityMessages(core::Sealed::Kind kind, Oid relation, const char *what)
	: kind_(kind)
	, relation_(relation)
	, what_(what)
{
	core::BeginEntities(body_, relation_);
	empty_ = body_.Size();
}

void
EntityMessages::Add(const core::ListedEntity &entity)
{
	core::Write(body_, entity);
	if (body_.Size() >= kMessageBytes)
		Flush();
}

void
EntityMessages::Flush()
{
	if (body_.Size() > empty_)
		LogSealed(kind_, body_.View(), what_);
	body_.Truncate(empty_);
}

} // namespace txsync::api
