#include "decoder/jsonb.h"

#include "core/jsonb.h"
#include "core/numeric.h"
#include "pg/call.h"

namespace txsync::decoder {

using core::Buffer;
using core::JsonbContainer;
using core::JsonbEntry;

namespace {

void
WriteEntry(Values &values, Buffer &out, const JsonbEntry &entry)
{
	switch (entry.kind) {
	case JsonbEntry::Kind::kString:
		values.String(out, entry.bytes);
		break;
	case JsonbEntry::Kind::kNumeric:
		core::FormatNumeric(out, values.Bytes(PointerGetDatum(entry.bytes.data())));
		break;
	case JsonbEntry::Kind::kContainer:
		WriteJsonb(values, out, entry.bytes);
		break;
	case JsonbEntry::Kind::kTrue:
		out.Append("true");
		break;
	case JsonbEntry::Kind::kFalse:
		out.Append("false");
		break;
	case JsonbEntry::Kind::kNull:
	case JsonbEntry::Kind::kDamaged:
		out.Append("null");
		break;
	}
}

void
WriteObject(Values &values, Buffer &out, const JsonbContainer &object)
{
	auto keys = object.First();
	auto members = object.Values();
	out.Append('{');
	for (uint32_t i = 0; i < object.Count(); i++) {
		if (i > 0)
			out.Append(',');
		values.String(out, keys.Next().bytes);
		out.Append(':');
		WriteEntry(values, out, members.Next());
	}
	out.Append('}');
}

void
WriteArray(Values &values, Buffer &out, const JsonbContainer &array)
{
	auto elements = array.First();
	if (!array.IsScalar())
		out.Append('[');
	for (uint32_t i = 0; i < array.Count(); i++) {
		if (i > 0)
			out.Append(',');
		WriteEntry(values, out, elements.Next());
	}
	if (!array.IsScalar())
		out.Append(']');
}

} // namespace

void
WriteJsonb(Values &values, Buffer &out, std::string_view stored)
{
	if (stack_is_too_deep()) [[unlikely]]
		pg::Call([] { check_stack_depth(); });
	JsonbContainer container(stored);
	if (container.IsObject())
		WriteObject(values, out, container);
	else
		WriteArray(values, out, container);
}

} // namespace txsync::decoder
