#include "core/stored_id.h"

#include "core/uuid.h"

#include <algorithm>
#include <stdexcept>

#include "core/no_postgres.h"

namespace txsync::core {

namespace {

std::string
UuidText(std::string_view bytes)
{
	char text[kUuidText];
	return {text, FormatUuid(text, bytes.data())};
}

} // namespace

StoredId::StoredId(std::string_view id)
{
	if (id.empty() || id.size() > Hlc::kMaxBytes)
		throw std::length_error("a transaction id has 1 to 128 bytes");
	char *content = bytes_ + kMaxHeader;
	auto hlc = ParseHlc(id);
	if (hlc && (id[0] != '0' || id[1] == '.')) // no leading zeros, which ToString() would not give back
		AddHlc(content, *hlc);
	else if (ParseUuid(content, id))
		Finish(content + kUuidBytes, IdForm::kUuid);
	else
		Finish(std::copy(id.begin(), id.end(), content), IdForm::kText);
}

void
StoredId::AddHlc(char *at, const Hlc &hlc)
{
	own_ = {hlc.wall_ms, hlc.logical};
	at = PutStamp(at, own_);
	if (ParseUuid(at, hlc.node))
		Finish(at + kUuidBytes, IdForm::kHlcUuid);
	else
		Finish(std::copy(hlc.node.begin(), hlc.node.end(), at), IdForm::kHlc);
}

// The header has one byte or two, and ends where the content begins.
void
StoredId::Finish(const char *end, IdForm form)
{
	auto content = static_cast<size_t>(end - bytes_) - kMaxHeader;
	uint64_t header = content << kIdFormBits | static_cast<uint64_t>(form);
	start_ = header < 0x80 ? 1 : 0;
	PutVarint(bytes_ + start_, header);
	size_ = kMaxHeader - start_ + content;
}

bool
TakeId(std::string_view &rest, IdContent &content)
{
	uint64_t header = 0;
	if (!TakeVarint(rest, header))
		return false;
	uint64_t size = header >> kIdFormBits;
	if (size == 0 || size > rest.size())
		return false;
	content.form = static_cast<IdForm>(header & ((1U << kIdFormBits) - 1));
	content.bytes = rest.substr(0, size);
	content.own = {};
	rest.remove_prefix(size);

	bool is_hlc = content.form == IdForm::kHlc || content.form == IdForm::kHlcUuid;
	if (is_hlc && (!TakeStamp(content.bytes, content.own) || content.own.wall_ms > Hlc::kMaxWall))
		return false;
	bool is_uuid = content.form == IdForm::kUuid || content.form == IdForm::kHlcUuid;
	return is_uuid ? content.bytes.size() == kUuidBytes : !content.bytes.empty();
}

IdContent
ContentOf(std::string_view stored)
{
	IdContent content;
	TakeId(stored, content);
	return content;
}

std::string
TextOf(const IdContent &content)
{
	switch (content.form) {
	case IdForm::kHlc:
		return ToString(Hlc{content.own.wall_ms, content.own.logical, content.bytes});
	case IdForm::kHlcUuid:
		return ToString(Hlc{content.own.wall_ms, content.own.logical, UuidText(content.bytes)});
	case IdForm::kUuid:
		return UuidText(content.bytes);
	case IdForm::kText:
		break;
	}
	return std::string(content.bytes);
}

} // namespace txsync::core
