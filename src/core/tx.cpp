#include "core/tx.h"

#include "core/json.h"

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

bool
Fits(std::string_view member, size_t max)
{
	return !member.empty() && member.size() <= max;
}

} // namespace

const char *
Defect(const Tx &tx)
{
	if (!Fits(tx.transaction_id, Tx::kMaxTransactionId))
		return "transactionId must be a text of 1 to 128 bytes";
	if (!Fits(tx.source_id, Tx::kMaxSourceId))
		return "sourceId must be a text of 1 to 64 bytes";
	if (tx.changed_field.data() != nullptr && !Fits(tx.changed_field, Tx::kMaxChangedField))
		return "changedField must be null or a text of 1 to 64 bytes";
	return nullptr;
}

void
Write(Buffer &out, const Tx &tx, Form form)
{
	if (tx.IsNull()) {
		out.Append("null");
		return;
	}
	out.Append("{\"transactionId\":");
	json::String(out, tx.transaction_id);
	out.Append(",\"sourceId\":");
	json::StringOrNull(out, tx.source_id);
	if (form == Form::kWhole || tx.changed_field.data() != nullptr) {
		out.Append(",\"changedField\":");
		json::StringOrNull(out, tx.changed_field);
	}
	out.Append('}');
}

} // namespace txsync::core
