// Arguments between NULs: a tracking that they give is given by its own arguments too, and a renamed column is gone.

#include "core/tracking.h"

#include <algorithm>
#include <string>
#include <vector>

#include "fuzz/require.h"

using txsync::core::NumberFields;
using txsync::core::NumberOf;
using txsync::core::ParseTracking;
using txsync::core::RenameColumn;
using txsync::core::ToArguments;
using txsync::core::Tracking;
using txsync::fuzz::Require;

namespace {

std::vector<std::string_view>
Split(std::string_view text)
{
	std::vector<std::string_view> arguments;
	while (!text.empty()) {
		arguments.push_back(text.substr(0, text.find('\0')));
		text.remove_prefix(std::min(text.size(), arguments.back().size() + 1));
	}
	return arguments;
}

void
RequireRoundTrip(const Tracking &tracking)
{
	std::vector<std::string> arguments = ToArguments(tracking);
	std::vector<std::string_view> views(arguments.begin(), arguments.end());
	Require(ParseTracking(views) == tracking);
}

} // namespace

extern "C" int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	std::vector<std::string_view> arguments = Split({reinterpret_cast<const char *>(data), size});
	auto tracking = ParseTracking(arguments);
	if (!tracking)
		return 0;
	Require(!tracking->entity_type.empty() && !tracking->id_columns.empty());
	RequireRoundTrip(*tracking);

	std::string from = tracking->id_columns.front();
	std::string to = from + "2";
	Require(RenameColumn(*tracking, from, to));
	Require(tracking->id_columns.front() == to && !RenameColumn(*tracking, from, to));
	RequireRoundTrip(*tracking);

	std::vector<std::string> columns = {to, from};
	uint32_t last = tracking->last_field;
	uint32_t had = NumberOf(*tracking, to);
	if (last > UINT32_MAX - 2)
		return 0;
	NumberFields(*tracking, columns);
	Require(!NumberFields(*tracking, columns) && NumberOf(*tracking, to) != 0 && NumberOf(*tracking, from) != 0);
	Require(had == 0 ? NumberOf(*tracking, to) > last : NumberOf(*tracking, to) == had);
	RequireRoundTrip(*tracking);
	return 0;
}
