#include "decoder/jsonb.h"

#include "core/jsonb.h"
#include "core/numeric.h"
#include "pg/call.h"

namespace txsync::decoder {

using core::Buffer;
using core::JsonbContainer;
using core::JsonbEntry;

namespace {

// Walks with a stack of its own: whoever wrote the value may have had more of the server's stack than we have.
class Writer
{
public:
	Writer(Values &values, Buffer &out)
		: values_(values)
		, out_(out)
	{}

	void
	Write(std::string_view stored)
	{
		Open(stored);
		while (!open_.empty()) {
			pg::CheckForInterrupts();
			if (open_.back().next == open_.back().container.Count())
				Close();
			else
				Next(open_.back());
		}
	}

private:
	// A container that is written up to an entry.
	struct Level
	{
		JsonbContainer container;
		JsonbContainer::Cursor keys; // of an object
		JsonbContainer::Cursor values;
		uint32_t next = 0;
	};

	void
	Open(std::string_view stored)
	{
		JsonbContainer container(stored);
		bool object = container.IsObject();
		open_.push_back({container, container.First(), object ? container.Values() : container.First()});
		if (!container.IsScalar())
			out_.Append(object ? '{' : '[');
	}

	void
	Close()
	{
		const JsonbContainer &container = open_.back().container;
		if (!container.IsScalar())
			out_.Append(container.IsObject() ? '}' : ']');
		open_.pop_back();
	}

	void
	Next(Level &level)
	{
		if (level.next++ > 0)
			out_.Append(',');
		if (level.container.IsObject()) {
			values_.String(out_, level.keys.Next().bytes);
			out_.Append(':');
		}
		WriteEntry(level.values.Next());
	}

	void
	WriteEntry(const JsonbEntry &entry)
	{
		switch (entry.kind) {
		case JsonbEntry::Kind::kString:
			values_.String(out_, entry.bytes);
			break;
		case JsonbEntry::Kind::kNumeric:
			core::FormatNumeric(out_, values_.Bytes(PointerGetDatum(entry.bytes.data())));
			break;
		case JsonbEntry::Kind::kContainer:
			Open(entry.bytes);
			break;
		case JsonbEntry::Kind::kTrue:
			out_.Append("true");
			break;
		case JsonbEntry::Kind::kFalse:
			out_.Append("false");
			break;
		case JsonbEntry::Kind::kNull:
		case JsonbEntry::Kind::kDamaged:
			out_.Append("null");
			break;
		}
	}

	Values &values_;
	Buffer &out_;
	std::vector<Level> open_;
};

} // namespace

void
WriteJsonb(Values &values, Buffer &out, std::string_view stored)
{
	Writer(values, out).Write(stored);
}

} // namespace txsync::decoder
