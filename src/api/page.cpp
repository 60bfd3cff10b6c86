#include "api/page.h"

#include "api/entity.h"
#include "api/rows.h"
#include "core/json.h"

#include <algorithm>

namespace txsync::api {

namespace {

constexpr int64_t kMostChanges = 1000;

// So many activities are looked at for each change that is asked for, and no fewer than that.
constexpr int64_t kLooks = 10;
constexpr int64_t kFewestLooks = 1000;

constexpr int64_t kSmallestBatch = 16;
constexpr int64_t kLargestBatch = 2000;

// So many activities of other entity types are as much work as to look at one.
constexpr int64_t kSkipsPerLook = 16;

constexpr size_t kMostNames = 1000;

// Nobody remembers topics whose events are gone: once any may be gone, a name may have been one.
bool
MayBeTopic(std::string_view name)
{
	return MayReadEvents() && (IsTopic(name) || ExtentNow().floor > 0);
}

void
RequireSound(const PageRequest &request)
{
	if (request.max < 1 || request.max > kMostChanges)
		throw pg::Failure{ERRCODE_INVALID_PARAMETER_VALUE, "max must be from 1 to 1000"};
	const Filter &filter = request.filter;
	for (const auto *names : {&filter.entity_types, &filter.organizations}) {
		if (*names && (*names)->Names().size() > kMostNames)
			throw pg::Failure{ERRCODE_PROGRAM_LIMIT_EXCEEDED, "a filter has at most 1000 names"};
	}
	if (!filter.entity_types)
		return;
	for (const std::string &name : filter.entity_types->Names()) {
		if (!TableOf(name) && !AsksFor(request.cursor, name) && !MayBeTopic(name))
			throw UnknownEntityType(name);
	}
}

class Reader
{
public:
	explicit Reader(const PageRequest &request)
		: request_(request)
		, extent_(ExtentNow())
		, position_(PositionOf(request.cursor, extent_, request.filter))
		, begin_(position_)
	{}

	Page
	Read()
	{
		Page page;
		page.has_more = position_ < extent_.last_id;
		looks_ = std::max(kFewestLooks, kLooks * request_.max);
		int64_t batch = std::max(kSmallestBatch, request_.max);
		while (page.has_more && !IsFull(page) && looks_ > 0) {
			auto before = static_cast<int64_t>(page.changes.size());
			ReadBatch(page, batch);
			auto told = static_cast<int64_t>(page.changes.size());
			batch = NextBatch(batch, told - before, request_.max - told);
		}
		// Who forgets raises the floor first, so what was read until now is whole if that is not beyond the beginning.
		RequireWhole(begin_, ExtentNow(), request_.filter);
		page.cursor = HasBegun() ? CursorAt(extent_, position_, request_.filter) : request_.cursor;
		return page;
	}

private:
	// Until then a copy of a database has no epoch of its own that a cursor could be of.
	bool
	HasBegun() const
	{
		return extent_.epoch != 0 || position_ == 0;
	}

	// As many as are missing, if so many of the next ones are told as of these.
	static int64_t
	NextBatch(int64_t batch, int64_t told, int64_t missing)
	{
		int64_t expected = told > 0 ? std::min(missing * batch / told, 2 * batch) : 2 * batch;
		return std::clamp(expected, kSmallestBatch, kLargestBatch);
	}

	bool
	IsFull(const Page &page) const
	{
		return static_cast<int64_t>(page.changes.size()) == request_.max || bytes_ > kMostPageBytes;
	}

	void
	ReadBatch(Page &page, int64_t limit)
	{
		// One more, to know whether it is the last batch.
		std::vector<Activity> activities = ActivitiesBetween(position_, extent_.last_id, request_.filter, limit + 1);
		page.has_more = static_cast<int64_t>(activities.size()) > limit;
		if (page.has_more)
			activities.pop_back();
		position_ = page.has_more ? activities.back().id : extent_.last_id;
		looks_ -= static_cast<int64_t>(activities.size()) / kSkipsPerLook;
		if (const std::optional<core::NameSet> &types = request_.filter.entity_types)
			std::erase_if(activities, [&](const Activity &activity) { return !types->Contains(activity.entity_type); });
		looks_ -= static_cast<int64_t>(activities.size());
		if (request_.latest)
			DropSuperseded(activities, extent_.last_id);
		for (Told &told : Tell(activities, request_.filter)) {
			if (IsFull(page)) {
				position_ = page.changes.back().id;
				page.has_more = true;
				return;
			}
			bytes_ += told.data.size();
			page.changes.push_back(std::move(told));
		}
	}

	const PageRequest &request_;
	const Extent extent_;
	int64_t position_;
	const int64_t begin_;
	int64_t looks_ = 0; // that are left
	size_t bytes_ = 0;  // of content that is told
};

} // namespace

Page
ReadPage(const PageRequest &request)
{
	RequireSound(request);
	return Reader(request).Read();
}

void
Write(core::Buffer &out, const Page &page, const Fits &fits)
{
	out.Append("\"changes\":[");
	for (size_t i = 0; i < page.changes.size(); i++) {
		if (i > 0)
			out.Append(',');
		Write(out, page.changes[i], fits);
	}
	out.Append("],\"cursor\":");
	core::json::String(out, page.cursor);
	out.Append(page.has_more ? ",\"hasMore\":true" : ",\"hasMore\":false");
}

} // namespace txsync::api
