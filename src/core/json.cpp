#include "core/json.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <limits>
#ifdef __SSE2__
#	include <emmintrin.h>
#endif

#include "core/hex.h"
#include "core/utf8.h"

#include "core/no_postgres.h"

namespace txsync::core::json {

namespace {

// What stands for a byte; eight bytes, so that one store writes it, whatever its size.
struct Escape
{
	char text[7] = {};
	uint8_t size = 0;
};
static_assert(sizeof(Escape) == 8);

constexpr auto kEscapes = [] {
	std::array<Escape, '\\' + 1> escapes{};
	for (size_t c = 0; c < 0x20; c++)
		escapes[c] = {{'\\', 'u', '0', '0', kHexDigits[c >> 4], kHexDigits[c & 15]}, 6};
	escapes['\b'] = {{'\\', 'b'}, 2};
	escapes['\f'] = {{'\\', 'f'}, 2};
	escapes['\n'] = {{'\\', 'n'}, 2};
	escapes['\r'] = {{'\\', 'r'}, 2};
	escapes['\t'] = {{'\\', 't'}, 2};
	escapes['"'] = {{'\\', '"'}, 2};
	escapes['\\'] = {{'\\', '\\'}, 2};
	return escapes;
}();

// Each kind of block tells how many of its kBytes, from the first on, need no escape.

struct Byte
{
	static constexpr size_t kBytes = 1;

	static size_t
	Clean(const char *from)
	{
		auto c = static_cast<unsigned char>(*from);
		return c >= 0x20 && c != '"' && c != '\\' ? 1 : 0;
	}
};

struct Word
{
	static constexpr size_t kBytes = 8;
	static constexpr uint64_t kOnes = 0x0101010101010101;
	static constexpr uint64_t kHigh = 0x80 * kOnes;

	// The high bit of each byte that is ≥ limit. No sum carries into the next byte, so the answer is exact for each of
	// them and for either byte order.
	static uint64_t
	AtLeast(uint64_t bytes, uint64_t limit)
	{
		return ((bytes & ~kHigh) + (0x80 - limit) * kOnes) | bytes;
	}

	static size_t
	Clean(const char *from)
	{
		uint64_t bytes;
		std::memcpy(&bytes, from, kBytes);
		uint64_t clean = AtLeast(bytes, 0x20) & AtLeast(bytes ^ '"' * kOnes, 1) & AtLeast(bytes ^ '\\' * kOnes, 1);
		uint64_t dirty = ~clean & kHigh;
		int bits = std::endian::native == std::endian::little ? std::countr_zero(dirty) : std::countl_zero(dirty);
		return static_cast<size_t>(bits) / 8;
	}
};

#ifdef __SSE2__
struct Vector
{
	static constexpr size_t kBytes = 16;

	static size_t
	Clean(const char *from)
	{
		__m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i *>(from));
		__m128i control = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
		__m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
		__m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
		int dirty = _mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, backslash)));
		return static_cast<size_t>(std::countr_zero(static_cast<unsigned>(dirty) | 1U << kBytes));
	}
};
#else
using Vector = Word;
#endif

// Copies the block, too. It is loaded once.
template <class Block>
size_t
Copy(char *to, const char *from)
{
	char block[Block::kBytes];
	std::memcpy(block, from, Block::kBytes);
	std::memcpy(to, block, Block::kBytes);
	return Block::Clean(block);
}

// Less than two words, without a loop: loads from both ends, which overlap. False, with some of it copied, if something
// needs an escape.
bool
CopyClean(char *to, const char *from, size_t n)
{
	if (n >= Word::kBytes) {
		size_t last = n - Word::kBytes;
		return Copy<Word>(to, from) + Copy<Word>(to + last, from + last) == 2 * Word::kBytes;
	}
	if (n >= 4) {
		char ends[Word::kBytes];
		std::memcpy(ends, from, 4);
		std::memcpy(ends + 4, from + n - 4, 4);
		size_t clean = Copy<Word>(ends, ends);
		std::memcpy(to, ends, 4);
		std::memcpy(to + n - 4, ends + 4, 4);
		return clean == Word::kBytes;
	}
	size_t clean = 0;
	for (size_t i = 0; i < n; i++)
		clean += Copy<Byte>(to + i, from + i);
	return clean == n;
}

// The most that EscapeInto writes for n bytes: six for each, and the last escape's store goes two beyond.
constexpr size_t
Worst(size_t n)
{
	return 6 * n + 2;
}

// Passes over blocks that need no escape.
template <class Block>
void
SkipBlocks(const char *&from, const char *end)
{
	while (static_cast<size_t>(end - from) >= Block::kBytes) {
		size_t clean = Block::Clean(from);
		from += clean;
		if (clean < Block::kBytes)
			return;
	}
}

template <class Block>
void
CopyBlocks(char *&to, const char *&from, const char *end)
{
	while (static_cast<size_t>(end - from) >= Block::kBytes) {
		size_t clean = Copy<Block>(to, from);
		// A step of constant size does not wait for `clean`: the branch is predicted, and blocks overlap.
		if (clean == Block::kBytes) [[likely]] {
			to += Block::kBytes;
			from += Block::kBytes;
			continue;
		}
		from += clean;
		const Escape &escape = kEscapes[static_cast<unsigned char>(*from++)];
		std::memcpy(to + clean, &escape, sizeof escape);
		to += clean + escape.size;
	}
}

char *
EscapeInto(char *to, std::string_view text)
{
	const char *from = text.data();
	const char *end = from + text.size();
	CopyBlocks<Vector>(to, from, end);
	auto rest = static_cast<size_t>(end - from);
	if (rest < 2 * Word::kBytes && CopyClean(to, from, rest)) [[likely]]
		return to + rest;
	CopyBlocks<Word>(to, from, end);
	CopyBlocks<Byte>(to, from, end);
	return to;
}

// Room is reserved for the worst case of a piece, not of the whole: a large value would need six times its size.
constexpr size_t kPiece = 4096;

// Of a character beyond ASCII, in valid UTF-8.
uint32_t
CodeOf(std::string_view character)
{
	uint32_t code = static_cast<unsigned char>(character.front()) & (0x7FU >> character.size());
	for (char c : character.substr(1))
		code = code << 6 | (static_cast<unsigned char>(c) & 0x3F);
	return code;
}

char *
HexEscape(char *to, uint32_t unit)
{
	*to++ = '\\';
	*to++ = 'u';
	for (int shift = 12; shift >= 0; shift -= 4)
		*to++ = kHexDigits[unit >> shift & 15];
	return to;
}

// A character beyond ASCII as UTF-16: one unit, or two surrogates.
void
HexEscapes(Buffer &out, uint32_t code)
{
	char *to = out.Reserve(12);
	if (code > 0xFFFF) {
		to = HexEscape(to, 0xD7C0 + (code >> 10));
		code = 0xDC00 | (code & 0x3FF);
	}
	out.CommitTo(HexEscape(to, code));
}

} // namespace

size_t
PlainLength(std::string_view text)
{
	const char *from = text.data();
	const char *end = from + text.size();
	SkipBlocks<Vector>(from, end);
	SkipBlocks<Byte>(from, end);
	return static_cast<size_t>(from - text.data());
}

void
Escaped(Buffer &out, std::string_view text)
{
	// The first Reserve() lets a large value without escapes grow the buffer once.
	if (text.size() > kPiece)
		out.Reserve(text.size() + Worst(kPiece));
	while (!text.empty()) {
		std::string_view piece = text.substr(0, kPiece);
		out.CommitTo(EscapeInto(out.Reserve(Worst(piece.size())), piece));
		text.remove_prefix(piece.size());
	}
}

void
String(Buffer &out, std::string_view text)
{
	if (text.size() <= kPiece) [[likely]] {
		char *at = out.Reserve(Worst(text.size()) + 2);
		*at++ = '"';
		at = EscapeInto(at, text);
		*at++ = '"';
		out.CommitTo(at);
		return;
	}
	out.Append('"');
	Escaped(out, text);
	out.Append('"');
}

void
Ascii(Buffer &out, std::string_view json)
{
	for (;;) {
		size_t plain = AsciiLength(json);
		out.Append(json.substr(0, plain));
		json.remove_prefix(plain);
		if (json.empty())
			return;
		size_t length = ValidUtf8Length(json);
		HexEscapes(out, CodeOf(length > 0 ? json.substr(0, length) : kReplacement));
		json.remove_prefix(std::max<size_t>(length, 1));
	}
}

size_t
AsciiSize(std::string_view json)
{
	size_t size = 0;
	for (;;) {
		size_t plain = AsciiLength(json);
		size += plain;
		json.remove_prefix(plain);
		if (json.empty())
			return size;
		size_t length = ValidUtf8Length(json);
		size += length == 4 ? 12 : 6;
		json.remove_prefix(std::max<size_t>(length, 1));
	}
}

void
Integer(Buffer &out, int64_t value)
{
	constexpr size_t kDigits = std::numeric_limits<int64_t>::digits10 + 2; // one more than digits10, and the sign
	char *at = out.Reserve(kDigits);
	out.CommitTo(std::to_chars(at, at + kDigits, value).ptr);
}

void
Key(Buffer &out, std::string_view name)
{
	String(out, name);
	out.Append(':');
}

} // namespace txsync::core::json
