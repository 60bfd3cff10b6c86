// A change's compact line stands for its whole one; what is no compact line is refused without a trace.

#include "core/change.h"
#include "core/compact.h"
#include "core/json.h"

#include <string>

#include "fuzz/require.h"

using namespace txsync;

namespace {

// Makes what a change is made of from the input's bytes; at their end all is zero, hence null, false or empty.
class Input
{
public:
	explicit Input(std::string_view bytes)
		: rest_(bytes)
	{}

	unsigned
	Byte()
	{
		if (rest_.empty())
			return 0;
		auto byte = static_cast<unsigned char>(rest_.front());
		rest_.remove_prefix(1);
		return byte;
	}

	bool
	Bool()
	{
		return Byte() % 2 == 1;
	}

	uint64_t
	Number()
	{
		uint64_t number = 0;
		for (unsigned bytes = Byte() % 9; bytes > 0; bytes--)
			number = number << 8 | Byte();
		return number;
	}

	// ASCII, with a character of two bytes here and there.
	std::string
	Text()
	{
		std::string text;
		for (unsigned size = Byte() % 32; size > 0; size--) {
			unsigned byte = Byte();
			text += byte < 0x80 ? std::string(1, static_cast<char>(byte)) : "\u00e9";
		}
		return text;
	}

private:
	std::string_view rest_;
};

// A text, or null.
class TextOrNull
{
public:
	explicit TextOrNull(Input &input)
		: null_(!input.Bool())
		, text_(null_ ? std::string() : input.Text())
	{}

	operator std::string_view() const
	{
		return null_ ? std::string_view() : std::string_view(text_);
	}

private:
	bool null_;
	std::string text_;
};

std::string
Line(const core::Change &change, core::Form form)
{
	core::Buffer out;
	core::Write(out, change, form);
	return std::string(out.View());
}

void
RequireBothFormsSayTheSame(Input input)
{
	TextOrNull entity_type(input), entity_id(input), organization_id(input), changed_field(input), version(input);
	std::string transaction_id = input.Text(), source_id = input.Text(), origin = input.Text(), key = input.Text();
	std::string_view keys[] = {key, origin};
	auto object = [&](core::Buffer &out) {
		out.Append('{');
		core::json::Key(out, key);
		core::json::String(out, transaction_id);
		out.Append('}');
	};

	core::Change change;
	change.position = {input.Number(), input.Number(), static_cast<uint32_t>(input.Number())};
	if (change.position.commit_lsn == 0 || input.Bool()) // else part of no transaction
		change.committed_at = "2026-11-21T09:00:00.123456Z";
	change.entity_type = entity_type;
	change.entity_id = entity_id;
	change.organization_id = organization_id;
	change.action = static_cast<core::Action>(input.Byte() % 6);
	change.changed_keys = {input.Bool(), std::span(keys, input.Byte() % 3)};
	if (input.Bool())
		change.tx = {transaction_id, source_id, changed_field};
	change.version = input.Bool() ? change.tx.transaction_id : std::string_view(version);
	change.row_version = input.Number() & INT64_MAX;
	if (input.Bool())
		change.data = core::ValueWriter(object);
	change.unchanged_keys = std::span(keys, input.Byte() % 3);
	if (input.Bool())
		change.old_key = core::ValueWriter(object);
	if (input.Bool())
		change.old = core::ValueWriter(object);
	change.origin = origin;
	change.truncated = input.Bool();

	core::Buffer lsn;
	core::WriteLsn(lsn, change.position.commit_lsn);
	core::Buffer expanded;
	fuzz::Require(core::Expand(expanded, Line(change, core::Form::kCompact), {lsn.View(), change.committed_at}));
	fuzz::Require(expanded.View() == Line(change, core::Form::kWhole));
}

// Whatever comes, what is expanded holds all that came.
void
RequireNothingIsLost(std::string_view line)
{
	core::Buffer out;
	bool expanded = core::Expand(out, line, {"0/1", "2026-11-21T09:00:00.123456Z"});
	fuzz::Require(expanded ? out.Size() > line.size() : out.Size() == 0);
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	std::string_view input(reinterpret_cast<const char *>(bytes), size);
	RequireNothingIsLost(input);
	RequireBothFormsSayTheSame(Input(input));
	return 0;
}
