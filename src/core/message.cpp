#include "core/message.h"

#include <charconv>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

constexpr char kVersion = '1';
constexpr char kAnnotate = 'A';

// Of an id column's value as it is; longer ones are digested.
constexpr size_t kMaxKeyPart = 1024;

void
WriteNumber(Buffer &out, uint64_t number)
{
	char *at = out.Reserve(20);
	out.CommitTo(std::to_chars(at, at + 20, number).ptr);
}

// `length:bytes`, or `-` for null.
void
WriteField(Buffer &out, std::string_view field)
{
	if (field.data() == nullptr) {
		out.Append('-');
		return;
	}
	WriteNumber(out, field.size());
	out.Append(':');
	out.Append(field);
}

// FNV-1a. Who makes two keys collide confuses the rows of his own transaction, no others.
uint64_t
Digest(std::string_view bytes)
{
	uint64_t digest = 14695981039346656037U;
	for (char byte : bytes)
		digest = (digest ^ static_cast<unsigned char>(byte)) * 1099511628211U;
	return digest;
}

bool
TakeNumber(std::string_view &rest, uint64_t &number)
{
	auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
	if (error != std::errc{} || end == rest.data() + rest.size() || *end != ':')
		return false;
	if (rest.front() == '0' && end - rest.data() > 1) // one number has one text
		return false;
	rest.remove_prefix(static_cast<size_t>(end - rest.data()) + 1);
	return true;
}

bool
TakeField(std::string_view &rest, std::string_view &field)
{
	if (!rest.empty() && rest.front() == '-') {
		field = {};
		rest.remove_prefix(1);
		return true;
	}
	uint64_t length = 0;
	if (!TakeNumber(rest, length) || length > rest.size())
		return false;
	field = rest.substr(0, length);
	rest.remove_prefix(length);
	return true;
}

// Of a kind that has no null.
bool
TakeText(std::string_view &rest, std::string_view &field)
{
	return TakeField(rest, field) && field.data() != nullptr;
}

bool
IsHint(char c)
{
	switch (static_cast<Hint::Kind>(c)) {
	case Hint::Kind::kDelete:
	case Hint::Kind::kOrg:
	case Hint::Kind::kLeftover:
	case Hint::Kind::kMove:
		return true;
	}
	return false;
}

bool
IsSealed(char c)
{
	switch (static_cast<Sealed::Kind>(c)) {
	case Sealed::Kind::kEvent:
	case Sealed::Kind::kVisibility:
	case Sealed::Kind::kBackfill:
		return true;
	}
	return false;
}

} // namespace

void
AppendKeyPart(Buffer &key, std::string_view image)
{
	if (image.size() <= kMaxKeyPart) {
		WriteField(key, image);
		return;
	}
	key.Append('=');
	WriteNumber(key, image.size());
	key.Append(':');
	WriteNumber(key, Digest(image));
	key.Append(':');
}

void
Write(Buffer &out, const Hint &hint)
{
	out.Append(kVersion);
	out.Append(static_cast<char>(hint.kind));
	WriteNumber(out, hint.relation);
	out.Append(':');
	WriteField(out, hint.key);
	WriteField(out, hint.organization);
	WriteField(out, hint.transaction_id);
	WriteField(out, hint.source_id);
	WriteField(out, hint.version);
	WriteNumber(out, hint.row_version);
	out.Append(':');
}

void
Write(Buffer &out, const Annotate &annotate)
{
	out.Append(kVersion);
	out.Append(kAnnotate);
	WriteField(out, annotate.object);
}

std::optional<Annotate>
ParseAnnotate(std::string_view message)
{
	if (message.size() < 2 || message[0] != kVersion || message[1] != kAnnotate)
		return std::nullopt;
	Annotate annotate;
	std::string_view rest = message.substr(2);
	if (!TakeField(rest, annotate.object) || annotate.object.data() == nullptr || !rest.empty())
		return std::nullopt;
	return annotate;
}

std::optional<Hint>
ParseHint(std::string_view message)
{
	if (message.size() < 2 || message[0] != kVersion || !IsHint(message[1]))
		return std::nullopt;
	Hint hint;
	hint.kind = static_cast<Hint::Kind>(message[1]);
	std::string_view rest = message.substr(2);
	uint64_t relation = 0;
	if (!TakeNumber(rest, relation) || relation > UINT32_MAX)
		return std::nullopt;
	hint.relation = static_cast<uint32_t>(relation);
	if (!TakeField(rest, hint.key) || hint.key.data() == nullptr || !TakeField(rest, hint.organization) ||
		!TakeField(rest, hint.transaction_id) || !TakeField(rest, hint.source_id) || !TakeField(rest, hint.version) ||
		!TakeNumber(rest, hint.row_version) || !rest.empty())
		return std::nullopt;
	return hint;
}

std::string_view
PurposeOf(Sealed::Kind kind)
{
	switch (kind) {
	case Sealed::Kind::kEvent:
		return "event";
	case Sealed::Kind::kVisibility:
		return "visibility";
	case Sealed::Kind::kBackfill:
		return "backfill";
	}
	return {};
}

void
BeginContent(Buffer &content, uint32_t transaction)
{
	WriteNumber(content, transaction);
	content.Append(':');
}

std::optional<std::string_view>
BodyOf(std::string_view content, uint32_t transaction)
{
	uint64_t of = 0;
	if (!TakeNumber(content, of) || of != transaction)
		return std::nullopt;
	return content;
}

void
Write(Buffer &out, const Sealed &sealed)
{
	out.Append(kVersion);
	out.Append(static_cast<char>(sealed.kind));
	out.Append(sealed.seal);
	out.Append(sealed.content);
}

std::optional<Sealed>
ParseSealed(std::string_view message)
{
	if (message.size() < 2 + Sealed::kSealBytes || message[0] != kVersion || !IsSealed(message[1]))
		return std::nullopt;
	return Sealed{static_cast<Sealed::Kind>(message[1]), message.substr(2, Sealed::kSealBytes),
				  message.substr(2 + Sealed::kSealBytes)};
}

void
Write(Buffer &out, const Event &event)
{
	WriteField(out, event.topic);
	WriteField(out, event.key);
	WriteField(out, event.transaction_id);
	WriteField(out, event.source_id);
	WriteField(out, event.payload);
}

std::optional<Event>
ParseEvent(std::string_view body)
{
	Event event;
	if (!TakeText(body, event.topic) || !TakeField(body, event.key) || !TakeField(body, event.transaction_id) ||
		!TakeField(body, event.source_id) || !TakeField(body, event.payload) || !body.empty())
		return std::nullopt;
	return event;
}

void
BeginEntities(Buffer &out, uint32_t relation)
{
	WriteNumber(out, relation);
	out.Append(':');
}

void
Write(Buffer &out, const ListedEntity &entity)
{
	WriteField(out, entity.id);
	WriteField(out, entity.organization);
}

std::optional<ListedEntity>
TakeEntity(std::string_view &list)
{
	ListedEntity entity;
	std::string_view rest = list;
	if (!TakeText(rest, entity.id) || !TakeField(rest, entity.organization))
		return std::nullopt;
	list = rest;
	return entity;
}

std::optional<Entities>
ParseEntities(std::string_view body)
{
	uint64_t relation = 0;
	if (!TakeNumber(body, relation) || relation > UINT32_MAX)
		return std::nullopt;
	std::string_view rest = body;
	while (TakeEntity(rest)) {
	}
	if (!rest.empty())
		return std::nullopt;
	return Entities{static_cast<uint32_t>(relation), body};
}

} // namespace txsync::core
