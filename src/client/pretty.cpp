#include "client/pretty.h"

#include "client/printable.h"
#include "core/scan.h"

#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <sys/ioctl.h>
#include <unistd.h>

namespace txsync::client {

using Json = nlohmann::json;

static constexpr int kUsualWidth = 120;
static constexpr int kUnbounded = std::numeric_limits<int>::max();
static constexpr size_t kLongestAction = 6; // create, update, delete; the rare ones may stick out

// A member's text; empty if it is missing, null or of another type.
static std::string
Text(const Json &object, const char *name)
{
	auto member = object.find(name);
	return member != object.end() && member->is_string() ? member->get<std::string>() : "";
}

// The raw text of a member of a well-formed object, which has no blanks around its colons; empty if it has none.
// A number would lose digits in parsing that the database has.
static std::string_view
RawMember(std::string_view json, std::string_view quoted_name)
{
	size_t at = 1;
	while (at < json.size() && json[at] != '}') {
		size_t colon = at + core::EndOfString(json.substr(at));
		std::string_view value = json.substr(colon + 1);
		value = value.substr(0, core::EndOfValue(value));
		if (json.substr(at, colon - at) == quoted_name)
			return value;
		at = colon + 1 + value.size() + 1;
	}
	return {};
}

// The columns that changed, as far as they are known: all of them, or the one that was declared.
static std::string
Fields(const Json &change, const Json &tx)
{
	auto keys = change.find("changedKeys");
	if (keys == change.end() || !keys->is_array())
		return Text(tx, "changedField");
	std::string text;
	for (const Json &name : *keys)
		if (name.is_string())
			text += (text.empty() ? "" : ",") + name.get<std::string>();
	return text;
}

// What it is about: an entity, or all of a type; of an event topic and key; nothing for another's message.
static std::string
Entity(const Json &change)
{
	std::string id = Text(change, "entityId");
	return Text(change, "entityType") + (id.empty() ? "" : "/" + id);
}

// The time of day of `2026-11-21T09:00:00.123456Z`, to the millisecond.
static std::string
TimeOfDay(const std::string &timestamp)
{
	return timestamp.size() < 23 ? timestamp : timestamp.substr(11, 12);
}

static const char *
ColourOf(const std::string &action)
{
	if (action == "create")
		return Printable::kGreen;
	if (action == "update")
		return Printable::kYellow;
	return Printable::kRed;
}

Pretty::Pretty(int fd)
	: fd_(fd)
	, is_terminal_(isatty(fd) != 0)
	, colours_(is_terminal_ && std::getenv("NO_COLOR") == nullptr)
{}

int
Pretty::Width() const
{
	if (!is_terminal_)
		return kUnbounded;
	winsize size = {};
	if (ioctl(fd_, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	const char *columns = std::getenv("COLUMNS");
	int width = columns != nullptr ? std::atoi(columns) : 0;
	return width > 0 ? width : kUsualWidth;
}

std::string
Pretty::Render(std::string_view lines) const
{
	std::string text;
	int width = Width();
	while (!lines.empty()) {
		size_t end = std::min(lines.find('\n'), lines.size());
		text += RenderLine(lines.substr(0, end), width) + "\n";
		lines.remove_prefix(std::min(end + 1, lines.size()));
	}
	return text;
}

std::string
Pretty::RenderLine(std::string_view json, int width) const
{
	Printable line(width, colours_);
	Json change = Json::parse(json, nullptr, false);
	if (!change.is_object()) {
		line.Add(json);
		return line.Text();
	}
	Json tx = change.value("tx", Json());
	std::string action = Text(change, "action");
	std::string entity = Entity(change);
	std::string keys = Fields(change, tx);
	std::string who = Text(tx, "sourceId");
	std::string version = Text(change, "version");
	std::string tx_error = Text(change, "txError");

	line.Add(TimeOfDay(Text(change, "committedAt")) + "  ", Printable::kDim);
	line.Add(action + std::string(kLongestAction - std::min(kLongestAction, action.size()), ' '), ColourOf(action));
	if (!entity.empty())
		line.Add("  " + entity, Printable::kBold);
	if (!keys.empty())
		line.Add("  " + keys);
	if (!who.empty())
		line.Add("  by " + who, Printable::kCyan);
	if (!version.empty() && tx.is_object()) // one of the server's own tells eyes nothing
		line.Add("  v " + version, Printable::kDim);
	if (!tx_error.empty())
		line.Add("  no tx: " + tx_error, Printable::kRed);
	if (change.contains("data") && !change["data"].is_null())
		line.Add("  " + std::string(RawMember(json, "\"data\"")));
	return line.Text();
}

} // namespace txsync::client
