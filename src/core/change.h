#pragma once
// One change, one shape: what the stream, NOTIFY and fetch_changes tell, written by one function.

#include "core/buffer.h"
#include "core/form.h"
#include "core/position.h"
#include "core/tx.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

namespace txsync::core {

enum class Action : uint8_t
{
	kCreate,
	kUpdate,
	kDelete,
	kTruncate,
	kEvent,
	kGap,
	kVisibility, // who may see the entity has changed, without any row
};

// As it stands in `action`.
std::string_view Name(Action action);

// The inverse; nothing for another word.
std::optional<Action> ActionOf(std::string_view name);

// Writes one JSON value into the line; a null function stands for a value that is null or not told.
class ValueWriter
{
public:
	ValueWriter() = default;

	// Not a copy of another one: as an F it would be pointed at.
	template <class F>
	requires(!std::is_same_v<F, ValueWriter>) explicit ValueWriter(F &f)
		: object_(&f)
		, write_([](void *object, Buffer &out) { (*static_cast<F *>(object))(out); })
	{}

	explicit operator bool() const
	{
		return write_ != nullptr;
	}

	void
	operator()(Buffer &out) const
	{
		write_(object_, out);
	}

private:
	void *object_ = nullptr;
	void (*write_)(void *, Buffer &) = nullptr;
};

// Names of columns: all of `names`, or null when it is not known which.
struct Keys
{
	bool known = false;
	std::span<const std::string_view> names = {};
};

// All texts are UTF-8; one with data() == nullptr is null. Optional members are written only where they say something.
struct Change
{
	int64_t activity_id = 0; // its row in the changelog; 0: none
	Position position;
	std::string_view committed_at; // as FormatInstant gives it; empty: not committed yet
	std::string_view entity_type;
	std::string_view entity_id;
	std::string_view organization_id;
	Action action = Action::kCreate;
	Keys changed_keys;
	Tx tx;
	std::string_view version; // the id that this change gave to its changedKeys
	uint64_t row_version = 0; // 0: unknown
	ValueWriter data;

	std::span<const std::string_view> unchanged_keys = {}; // columns whose values are not in the WAL
	ValueWriter old_key = {};
	ValueWriter old = {};
	ValueWriter versions = {}; // of the entity as `data` tells it
	std::string_view origin = {};
	std::string_view tx_error = {};
	std::string_view annotation = {}; // JSON
	bool truncated = false;           // data was too large to be sent
	uint32_t xid = 0;                 // of the (sub)transaction, while that may still be aborted
};

// One line of JSON, without a newline.
void Write(Buffer &out, const Change &change, Form form);

} // namespace txsync::core
