#include "api/sealed.h"

#include "core/base64.h"
#include "pg/seal.h"

namespace txsync::api {

namespace {

constexpr size_t kSealBytes = 16;

} // namespace

std::string
Sealed(std::string_view purpose, std::string_view content)
{
	pg::Seal seal = pg::SealOf(purpose, content);
	core::Buffer bytes;
	bytes.Append(content);
	bytes.Append({reinterpret_cast<const char *>(seal.data()), kSealBytes});
	core::Buffer text;
	core::AppendBase64Url(text, bytes.View());
	return std::string(text.View());
}

std::optional<Unsealed>
Unseal(std::string_view purpose, std::string_view text)
{
	std::optional<std::string> bytes = core::FromBase64Url(text);
	if (!bytes || bytes->size() < kSealBytes)
		return std::nullopt;
	Unsealed unsealed;
	unsealed.content = bytes->substr(0, bytes->size() - kSealBytes);
	std::string_view seal = std::string_view(*bytes).substr(unsealed.content.size());
	unsealed.is_ours = pg::IsSealed(pg::SealOf(purpose, unsealed.content), seal);
	return unsealed;
}

} // namespace txsync::api
