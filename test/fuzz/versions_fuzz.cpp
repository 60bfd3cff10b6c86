// What parses can be read to its end and advanced; and the next form keeps what the write does not touch.

#include "core/advance.h"
#include "core/versions.h"

#include <cstring>
#include <string>

#include "fuzz/require.h"

using txsync::core::Advance;
using txsync::core::After;
using txsync::core::Buffer;
using txsync::core::RowWrite;
using txsync::core::Stamp;
using txsync::core::Versions;
using txsync::fuzz::Require;

namespace {

constexpr uint32_t kChanged[] = {0, 3, 200};

bool
IsChanged(uint32_t number)
{
	return number == 0 || number == 3 || number == 200;
}

void
RequireNext(const Versions &before, const Versions &next)
{
	constexpr uint64_t kMaxRowVersion = INT64_MAX;
	Require(next.RowVersion() > before.RowVersion() || before.RowVersion() == kMaxRowVersion);
	Require(next.Creator() == before.Creator() && next.CreatorStamp() == before.CreatorStamp());
	Require(next.Last() == "1700000000000.0001.n");
	for (uint32_t number : kChanged) {
		auto version = next.Find(number);
		auto previous = before.Find(number);
		Require(version && version->id == next.Last());
		Require(version->stamp >= After(previous ? previous->stamp : before.CreatorStamp()));
	}
	Versions::Cursor fields = before.Fields();
	uint32_t kept = 0;
	for (Versions::Field field; fields.Next(field);) {
		Require(field.id < before.IdCount());
		if (IsChanged(field.number) || ++kept > 20) // looking up is linear
			continue;
		auto version = next.Find(field.number);
		Require(version && version->id == before.Id(field.id) && version->stamp == field.stamp);
	}
	Require(next.IdCount() <= before.IdCount() + 1);
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	auto before = Versions::Parse({reinterpret_cast<const char *>(data), size});
	if (!before)
		return 0;
	RowWrite write{"1700000000000.0001.n", {1700000000000, 1}, kChanged};
	Buffer out;
	Advance(out, *before, write, {1700000000000, 5});
	auto next = Versions::Parse(out.View());
	Require(next.has_value());
	RequireNext(*before, *next);
	return 0;
}
