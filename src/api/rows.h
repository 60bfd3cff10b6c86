#pragma once
// Entities of one type as the current role may read them now: many at a time.

#include "api/json_object.h"
#include "api/readable.h"

namespace txsync::api {

// Texts are in memory of the current context. What is null has data() == nullptr.
struct Row
{
	bool exists = false;
	std::string_view data;         // JSON, without tx, versions and hidden columns; null if no text can hold it
	std::string_view versions;     // JSON; null where there are none, or the role may not read them
	std::string_view organization; // null also where it may not be read
};

// Whether there is a statement that reads them. There is none where somebody has made casts for the type of the ids
// that leave open which operator compares them, nor where ids cannot be read, or put into arrays.
enum class CanRead : uint8_t
{
	kNo,
	kYes,
	kByAnotherName, // a schema can be renamed although its tables are locked: to be found anew
};
CanRead CanReadRows(const Entity &entity, const Readable &readable);

// One for each id, in their order, by one statement. An id that is none of the type's is of no row. The role may read
// the type's ids (Readable::HasId()).
std::vector<Row> ReadRows(const Entity &entity, const Readable &readable, std::span<const std::string_view> ids);

// A page with more content than this is at its end: jsonb holds 256 MB.
constexpr size_t kMostPageBytes = size_t{64} << 20;

struct NamedRow
{
	std::string id;
	Row row;
};

// The first rows behind an id, or of all, in the order of their ids, at most so many (1000 and one). Fails with 42501
// if the role may not read ids.
std::vector<NamedRow> RowsBehind(const Entity &entity, const Readable &readable, const std::optional<std::string> &id,
								 int64_t limit);

// `"organizationId":…,"data":…`, and data that jsonb or no text can hold is left out.
void Write(core::Buffer &out, const Row &row, const Fits &fits);

} // namespace txsync::api
