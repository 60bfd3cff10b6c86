#pragma once
// The tx of an entity: who changed it, in which mutation, which field.

#include "core/buffer.h"
#include "core/form.h"

#include <string_view>

namespace txsync::core {

// Views into where the tx was read. A member with data() == nullptr is null.
struct Tx
{
	static constexpr size_t kMaxTransactionId = 128; // bytes, at least 1
	static constexpr size_t kMaxSourceId = 64;       // bytes, at least 1
	static constexpr size_t kMaxChangedField = 64;   // bytes, at least 1

	// Stored bytes of the whole object, decompressed; a client that sends its whole request should not send more.
	static constexpr size_t kMaxBytes = size_t{64} << 10;

	std::string_view transaction_id;
	std::string_view source_id;
	std::string_view changed_field;

	bool
	IsNull() const
	{
		return transaction_id.data() == nullptr;
	}
};

// What is wrong with the lengths of its members, or null: transactionId and sourceId must be there, changedField may be
// null.
const char *Defect(const Tx &tx);

// `{"transactionId":…,"sourceId":…,"changedField":…}`, or `null`; in compact form without a changedField that is null.
void Write(Buffer &out, const Tx &tx, Form form = Form::kWhole);

} // namespace txsync::core
