#include "api/errors.h"

#include "core/json.h"

namespace txsync::api {

std::string
ErrorDetail(const ErrorKind &kind, std::span<const Member> members)
{
	core::Buffer out;
	out.Append("{\"code\":");
	core::json::String(out, kind.code);
	out.Append(",\"httpStatus\":");
	core::json::Integer(out, kind.http_status);
	for (const Member &member : members) {
		out.Append(',');
		core::json::Key(out, member.name);
		if (const auto *text = std::get_if<std::string_view>(&member.value))
			core::json::StringOrNull(out, *text);
		else
			core::json::Integer(out, std::get<int64_t>(member.value));
	}
	out.Append('}');
	return std::string(out.View());
}

pg::Failure
Fail(const ErrorKind &kind, std::string message, std::initializer_list<Member> members, std::string hint)
{
	return {kind.sqlstate, std::move(message), ErrorDetail(kind, {members.begin(), members.size()}), std::move(hint)};
}

} // namespace txsync::api
