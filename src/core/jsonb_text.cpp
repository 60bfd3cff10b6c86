#include "core/jsonb_text.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <span>
#include <vector>

#include "core/json.h"
#include "core/jsonb_layout.h"

#include "core/no_postgres.h"

namespace txsync::core {

using namespace jsonb;

namespace {

// The server's own parser knows how deep its stack is.
constexpr int kMaxDepth = 100;

// And it has fewer bytes to each of many: so many have a few hundred MB here.
constexpr size_t kMostMembers = size_t{1} << 21;

struct Value
{
	uint32_t kind = kNull;  // of the entry
	bool is_object = false; // a container
	std::string_view text;  // of a string, unescaped, or of a number
	size_t first = 0;       // of a container's members
	size_t count = 0;
};

struct Member
{
	std::string_view key; // not of an element of an array
	size_t order;
	Value value;
};

// The server's order of keys; of several members of one key the last in the text is first.
bool
Precedes(const Member &a, const Member &b)
{
	if (a.key.size() != b.key.size())
		return a.key.size() < b.key.size();
	int order = a.key.compare(b.key);
	return order != 0 ? order < 0 : a.order > b.order;
}

bool
IsDigit(char c)
{
	return c >= '0' && c <= '9';
}

class Parser
{
public:
	explicit Parser(std::string_view json)
		: rest_(json)
	{
		unescaped_.Reserve(json.size()); // once: views of it stay
	}

	bool
	Parse(Value &root)
	{
		SkipSpace();
		return (Is('{') || Is('[')) && Any(root) && rest_.empty();
	}

	// In the order of what is stored.
	std::span<const Member>
	MembersOf(const Value &container) const
	{
		return std::span(members_).subspan(container.first, container.count);
	}

private:
	bool
	Is(char c) const
	{
		return !rest_.empty() && rest_.front() == c;
	}

	void
	SkipSpace()
	{
		while (!rest_.empty() && (Is(' ') || Is('\t') || Is('\n') || Is('\r')))
			rest_.remove_prefix(1);
	}

	// A token, and the space behind it.
	bool
	Take(std::string_view token)
	{
		if (!rest_.starts_with(token))
			return false;
		rest_.remove_prefix(token.size());
		SkipSpace();
		return true;
	}

	bool Any(Value &value);
	bool Container(Value &value, char end);
	bool String(std::string_view &text);
	bool Escape();
	bool Unicode();
	bool Number(Value &value);
	size_t Digits(size_t at) const;

	std::string_view rest_;
	int depth_ = 0;
	Buffer unescaped_;
	std::vector<Member> open_;    // of the containers that are being read
	std::vector<Member> members_; // of those that have been
};

bool
Parser::Any(Value &value)
{
	if (rest_.empty())
		return false;
	switch (rest_.front()) {
	case '{':
		value.is_object = true;
		return Container(value, '}');
	case '[':
		return Container(value, ']');
	case '"':
		value.kind = kString;
		return String(value.text);
	case 'n':
		return Take("null");
	case 't':
		value.kind = kTrue;
		return Take("true");
	case 'f':
		value.kind = kFalse;
		return Take("false");
	default:
		value.kind = kNumeric;
		return Number(value);
	}
}

bool
Parser::Container(Value &value, char end)
{
	if (++depth_ > kMaxDepth)
		return false;
	size_t begin = open_.size();
	rest_.remove_prefix(1);
	SkipSpace();
	for (bool first = true; !Take({&end, 1}); first = false) {
		if (open_.size() + members_.size() >= kMostMembers)
			return false;
		Member member{{}, open_.size(), {}};
		if ((!first && !Take(",")) || (value.is_object && !(Is('"') && String(member.key) && Take(":"))) ||
			!Any(member.value))
			return false;
		open_.push_back(member);
	}
	depth_--;
	std::span mine = std::span(open_).subspan(begin);
	value.kind = kContainer;
	value.first = members_.size();
	if (value.is_object) {
		std::ranges::sort(mine, Precedes);
		auto same = [](const Member &a, const Member &b) { return a.key == b.key; };
		std::ranges::unique_copy(mine, std::back_inserter(members_), same);
	} else {
		std::ranges::copy(mine, std::back_inserter(members_));
	}
	value.count = members_.size() - value.first;
	open_.resize(begin);
	return true;
}

// A view of the text where nothing is escaped.
bool
Parser::String(std::string_view &text)
{
	rest_.remove_prefix(1);
	size_t plain = json::PlainLength(rest_);
	text = rest_.substr(0, plain);
	rest_.remove_prefix(plain);
	if (Take("\""))
		return true;
	size_t begin = unescaped_.Size();
	unescaped_.Append(text);
	while (!Is('"')) {
		if (!Escape())
			return false;
		plain = json::PlainLength(rest_);
		unescaped_.Append(rest_.substr(0, plain));
		rest_.remove_prefix(plain);
	}
	text = unescaped_.Since(begin);
	return Take("\"");
}

bool
Parser::Escape()
{
	constexpr std::string_view kFrom = "\"\\/bfnrt";
	constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
	if (rest_.size() < 2 || rest_[0] != '\\')
		return false;
	size_t at = kFrom.find(rest_[1]);
	if (at == std::string_view::npos)
		return Unicode();
	unescaped_.Append(kTo[at]);
	rest_.remove_prefix(2);
	return true;
}

// Of ASCII, but for the character 0, which jsonb cannot hold.
bool
Parser::Unicode()
{
	constexpr size_t kSize = 6;
	unsigned code = 0;
	if (rest_[1] != 'u' || rest_.size() < kSize)
		return false;
	const char *end = rest_.data() + kSize;
	auto [last, error] = std::from_chars(rest_.data() + 2, end, code, 16);
	if (error != std::errc() || last != end || code == 0 || code > 0x7F)
		return false;
	unescaped_.Append(static_cast<char>(code));
	rest_.remove_prefix(kSize);
	return true;
}

// How many there are from `at` on.
size_t
Parser::Digits(size_t at) const
{
	auto from = rest_.begin() + static_cast<ptrdiff_t>(std::min(at, rest_.size()));
	return static_cast<size_t>(std::find_if_not(from, rest_.end(), IsDigit) - from);
}

bool
Parser::Number(Value &value)
{
	size_t size = Is('-') ? 1 : 0;
	size_t digits = Digits(size);
	if (digits == 0 || (digits > 1 && rest_[size] == '0'))
		return false;
	size += digits;
	auto is_at = [&](size_t at, std::string_view any) {
		return at < rest_.size() && any.find(rest_[at]) != std::string_view::npos;
	};
	for (std::string_view mark : {".", "eE"}) {
		if (!is_at(size, mark))
			continue;
		size_t begin = size + 1 + (mark != "." && is_at(size + 1, "+-") ? 1 : 0);
		digits = Digits(begin);
		if (digits == 0)
			return false;
		size = begin + digits;
	}
	value.text = rest_.substr(0, size);
	return Take(value.text);
}

class Writer
{
public:
	Writer(Buffer &out, const Parser &parser, const WriteNumeric &numeric)
		: out_(out)
		, parser_(parser)
		, numeric_(numeric)
	{}

	bool
	Write(const Value &container)
	{
		std::span<const Member> members = parser_.MembersOf(container);
		ContainerWriter writer(out_, container.is_object ? kObject : kArray, members.size(),
							   members.size() * (container.is_object ? 2 : 1));
		for (const Member &member : members.first(container.is_object ? members.size() : 0)) {
			out_.Append(member.key);
			writer.End(kString);
		}
		for (const Member &member : members) {
			if (!Content(member.value, writer))
				return false;
			writer.End(member.value.kind);
		}
		return writer.Fits();
	}

private:
	bool
	Content(const Value &value, ContainerWriter &writer)
	{
		switch (value.kind) {
		case kString:
			out_.Append(value.text);
			return true;
		case kNumeric:
			writer.Align();
			numeric_(out_, value.text);
			return true;
		case kContainer:
			writer.Align();
			return Write(value);
		default:
			return true;
		}
	}

	Buffer &out_;
	const Parser &parser_;
	const WriteNumeric &numeric_;
};

} // namespace

bool
WriteJsonb(Buffer &out, std::string_view json, const WriteNumeric &numeric)
{
	Parser parser(json);
	Value root;
	return parser.Parse(root) && Writer(out, parser, numeric).Write(root);
}

} // namespace txsync::core
