// One thing has one message: what parses is what would have been written; and each hint comes back.

#include "core/message.h"
#include "core/nullable.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "fuzz/require.h"

using txsync::core::AreSame;
using txsync::core::Buffer;
using txsync::core::Hint;
using txsync::core::ParseHint;
using txsync::fuzz::Require;

namespace {

// Takes a length and that many bytes; null where the length is 255.
std::string_view
Take(std::string_view &rest)
{
	if (rest.empty() || rest.front() == '\xFF')
		return {};
	size_t length = std::min<size_t>(static_cast<unsigned char>(rest.front()), rest.size() - 1);
	std::string_view field = rest.substr(1, length);
	rest.remove_prefix(1 + length);
	return field;
}

void
RequireRoundTrip(std::string_view bytes)
{
	Hint hint;
	hint.kind = Hint::Kind{"DOM"[bytes.size() % 3]};
	std::memcpy(&hint.relation, bytes.data(), sizeof hint.relation);
	bytes.remove_prefix(sizeof hint.relation);
	std::string key(Take(bytes));
	hint.key = key;
	hint.organization = Take(bytes);
	hint.transaction_id = Take(bytes);
	hint.source_id = Take(bytes);
	hint.version = Take(bytes);
	std::memcpy(&hint.row_version, bytes.data(), std::min(bytes.size(), sizeof hint.row_version));

	Buffer out;
	Write(out, hint);
	auto parsed = ParseHint(out.View());
	Require(parsed && parsed->kind == hint.kind && parsed->relation == hint.relation);
	Require(AreSame(parsed->key, hint.key) && AreSame(parsed->organization, hint.organization) &&
			AreSame(parsed->transaction_id, hint.transaction_id) && AreSame(parsed->source_id, hint.source_id) &&
			AreSame(parsed->version, hint.version) && parsed->row_version == hint.row_version);
	Require(!ParseHint(out.View().substr(0, out.Size() - 1)));
}

void
RequireOneEvent(std::string_view body)
{
	if (auto event = txsync::core::ParseEvent(body)) {
		Buffer out;
		Write(out, *event);
		Require(out.View() == body);
	}
}

void
RequireOneList(std::string_view body)
{
	auto entities = txsync::core::ParseEntities(body);
	if (!entities)
		return;
	Buffer out;
	txsync::core::BeginEntities(out, entities->relation);
	while (auto entity = txsync::core::TakeEntity(entities->list))
		Write(out, *entity);
	Require(entities->list.empty() && out.View() == body);
}

void
RequireOneSealed(std::string_view message)
{
	auto sealed = txsync::core::ParseSealed(message);
	if (!sealed)
		return;
	Require(!ParseHint(message));
	Buffer out;
	Write(out, *sealed);
	Require(out.View() == message);
	if (auto body = txsync::core::BodyOf(sealed->content, 1)) {
		Buffer content;
		txsync::core::BeginContent(content, 1);
		content.Append(*body);
		Require(content.View() == sealed->content);
	}
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	std::string_view message(reinterpret_cast<const char *>(data), size);
	if (auto hint = ParseHint(message)) {
		Buffer out;
		Write(out, *hint);
		Require(out.View() == message);
	}
	RequireOneSealed(message);
	RequireOneEvent(message);
	RequireOneList(message);
	if (size >= sizeof(Hint::relation))
		RequireRoundTrip(message);
	return 0;
}
