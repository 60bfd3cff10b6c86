#pragma once
// A page of changes: what a reader gets in one call.

#include "api/changelog.h"
#include "api/tell.h"

namespace txsync::api {

struct PageRequest
{
	std::string cursor = "start";
	int64_t max = 100;
	Filter filter;
	bool latest = false; // passes over what later changes make superfluous
};

struct Page
{
	std::vector<Told> changes; // memory of the context that was current
	std::string cursor;
	bool has_more = false;
};

// Takes 1 to 1000 changes at most. What the current role may not know of is passed over, but not without end: a page
// may be short, or empty, with more behind it. Fails with 22023, UNKNOWN_ENTITY_TYPE and the CURSOR_ errors.
Page ReadPage(const PageRequest &request);

// `"changes":[…],"cursor":…,"hasMore":…`
void Write(core::Buffer &out, const Page &page, const Fits &fits);

} // namespace txsync::api
